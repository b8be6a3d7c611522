"""What browsers are told: which origins may ask, and what a page may load and be framed by."""

from fluxgate.browser.browser import Browser

__all__ = ["Browser"]
