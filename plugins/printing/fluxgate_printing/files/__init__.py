"""Files to print: names, the content-addressed store, streamed uploads, G-code metadata."""
