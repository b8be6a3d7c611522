"""Who is calling: from a request's credentials to a `Principal`."""

from fluxgate.auth.authenticator import Authenticator
from fluxgate.auth.exposure import Access, access_of, refuse_exposure

__all__ = ["Access", "Authenticator", "access_of", "refuse_exposure"]
