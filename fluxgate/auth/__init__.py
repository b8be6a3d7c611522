"""Who is calling: from a request's credentials to a `Principal`."""

from fluxgate.auth.authenticator import Authenticator

__all__ = ["Authenticator"]
