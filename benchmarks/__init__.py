"""Comparisons with other proxies on one machine, interleaved in one run; see README.md. Not part of the tests."""
