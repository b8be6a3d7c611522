"""The plugin host: finds plugins, loads each in isolation, orders them, runs them, and quarantines the ones that
fail."""
