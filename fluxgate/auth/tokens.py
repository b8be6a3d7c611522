"""Bearer tokens (JWT): from the text in a request to a principal, verified once and remembered until it expires."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec

from fluxgate.auth.claims import ClaimsMapper
from fluxgate.auth.jwks import JwksSource
from fluxgate.auth.keyset import KeySet, UnusableKeyError, VerificationKey, from_pem, from_secret
from fluxgate.auth.recent import Recent
from fluxgate.auth.rejection import rejected
from fluxgate.principal import Principal
from fluxgate.settings import Issuer, Settings
from fluxgate.settings.sources import Issue, KeyPath

__all__ = ["TokenVerifier", "Verified"]

REMEMBERED = 4096
_SOURCES = ("secret", "public_key", "keys", "jwks_url")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
"""What a token to call with may call itself (RFC 7519 §5.1, RFC 9068); a logout or DPoP token is something else."""
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_DECODER = jwt.PyJWT()


class _Header(msgspec.Struct):
    """RFC 7515 §4.1. A `crit` names extensions that must be understood; none is."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: Any = msgspec.UNSET


class _Named(msgspec.Struct):
    iss: Any = None


class Verified(msgspec.Struct, frozen=True):
    """A token's caller, and when the token expires (seconds since 1970)."""

    principal: Principal
    expires_at: float


class TokenVerifier:
    """All configured issuers. Raises SettingsError if one of them can't be verified against."""

    def __init__(self, settings: Settings) -> None:
        found = list(settings.auth.all_issuers())
        _check_apart(settings, found)
        prefixes = [issuer.id_prefix for issuer in found]
        self._issuers = [_IssuerVerifier(settings, issuer, prefixes) for issuer in found]
        names = [issuer.settings.issuer for issuer in found]
        self._by_name = dict(zip(names, self._issuers, strict=True))
        self.sources = [verifier.source for verifier in self._issuers if verifier.source is not None]
        """The issuers whose keys are fetched."""
        self._recent: Recent[Verified] = Recent(REMEMBERED)
        self._changed = 0

    def __bool__(self) -> bool:
        return bool(self._issuers)

    def remembered(self, digest: bytes, now: float) -> Verified | None:
        """What is known of a token that was verified before, under keys that still hold.

        `digest`: the token's SHA-256; `now`: seconds since 1970.
        """
        if (changed := sum(source.changed for source in self.sources)) != self._changed:
            # A key may have been withdrawn: its tokens have to be verified anew.
            self._changed = changed
            self._recent.clear()
        return self._recent.get(digest, now)

    async def verify(self, token: bytes, digest: bytes) -> Verified:
        """The caller of a token. Raises UnauthenticatedError; UnavailableError while its issuer's keys aren't there."""
        if not _COMPACT.match(token):
            raise rejected("it isn't a JWT")
        head, payload, _ = token.split(b".")
        verifier = self._verifier_for(token, payload)
        found = await verifier.verify(token, head)
        self._recent.put(digest, found, found.expires_at + verifier.leeway)
        return found

    def _verifier_for(self, token: bytes, payload: bytes) -> _IssuerVerifier:
        if len(self._issuers) == 1:
            return self._issuers[0]
        if len(token) > max(verifier.max_bytes for verifier in self._issuers):
            raise rejected("it is too large")
        named = _part(payload, _Named).iss
        verifier = self._by_name.get(named) if isinstance(named, str) else None
        if verifier is None:
            raise rejected("its issuer isn't known")
        return verifier


class _IssuerVerifier:
    """One issuer."""

    def __init__(self, settings: Settings, issuer: Issuer, prefixes: list[str]) -> None:
        own = issuer.settings
        self._settings = own
        self._mapper = ClaimsMapper(own.claims, issuer.id_prefix, prefixes)
        _check_sources(settings, issuer)
        self._static = None if own.jwks_url is not None else _static_keys(settings, issuer)
        self.source = None if own.jwks_url is None else JwksSource(own, own.jwks_url)
        self._algorithms = frozenset(own.algorithms)
        self.leeway = own.leeway
        self.max_bytes = own.max_bytes
        if self._static is not None and self._algorithms and not self._algorithms & self._static.algorithms:
            raise _wrong(
                settings,
                (*issuer.path, "algorithms"),
                f"none of them fits the keys, which are good for {', '.join(sorted(self._static.algorithms))}",
            )

    async def verify(self, token: bytes, head: bytes) -> Verified:
        if len(token) > self.max_bytes:
            raise rejected(f"it is larger than {self.max_bytes} bytes")
        header = _part(head, _Header)
        if header.crit is not msgspec.UNSET:
            raise rejected("its header asks for an extension that isn't understood")
        if header.typ is not None and header.typ.lower() not in _TYPES:
            raise rejected("its type isn't that of a token to call with")
        if self._algorithms and header.alg not in self._algorithms:
            raise rejected("its algorithm isn't taken")
        for key in (await self._keys(header.kid)).candidates(header.kid, header.alg):
            claims = self._claims(token, header.alg, key)
            if claims is not None:
                return Verified(self._mapper.principal(claims), claims["exp"])
        raise rejected("no key fits its kid, its algorithm and its signature")

    async def _keys(self, kid: str | None) -> KeySet:
        if self._static is not None:
            return self._static
        assert self.source is not None
        keys = self.source.current()
        return keys if keys is not None and keys.knows(kid) else await self.source.with_key(kid)

    def _claims(self, token: bytes, algorithm: str, key: VerificationKey) -> Mapping[str, Any] | None:
        """The claims; None if another key has signed them. Raises UnauthenticatedError."""
        settings = self._settings
        try:
            claims: dict[str, Any] = _DECODER.decode(
                token,
                key.material,
                algorithms=[algorithm],
                audience=settings.audience or None,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": ["exp"], "verify_sub": False},
            )
            claims["exp"] = float(claims["exp"])
        except jwt.InvalidSignatureError:
            return None
        except jwt.ExpiredSignatureError:
            raise rejected("it has expired", expired=True) from None
        except jwt.ImmatureSignatureError:
            raise rejected("it isn't valid yet") from None
        except jwt.InvalidAudienceError:
            hint = "" if settings.audience else " (it names one, and auth.jwt.audience isn't set)"
            raise rejected(f"it is meant for another audience{hint}") from None
        except jwt.PyJWTError as error:
            # Names of claims at most, never their values.
            raise rejected(f"it isn't valid: {type(error).__name__}") from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise rejected("its claims aren't what they should be") from None
        return claims


def _part(encoded: bytes, type_: type[Any]) -> Any:
    """One of a token's parts, before anything of it is believed."""
    try:
        return msgspec.json.decode(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)), type=type_)
    except (msgspec.DecodeError, Base64Error, ValueError, RecursionError):
        raise rejected("it isn't a JWT") from None


def _check_sources(settings: Settings, issuer: Issuer) -> None:
    sources = [name for name in _SOURCES if getattr(issuer.settings, name) not in (None, ())]
    if len(sources) != 1:
        given = f", and not {' and '.join(sources)}" if sources else ""
        raise _wrong(settings, issuer.path, f"set one of {', '.join(_SOURCES)}{given}")


def _static_keys(settings: Settings, issuer: Issuer) -> KeySet:
    own = issuer.settings
    keys: list[VerificationKey] = []
    declared: list[tuple[KeyPath, str | None, str | None, str | None]]
    declared = [] if own.keys else [(issuer.path, own.secret, own.public_key, None)]
    declared += [
        ((*issuer.path, "keys", index), key.secret, key.public_key, key.kid) for index, key in enumerate(own.keys)
    ]
    kids = [kid for _, _, _, kid in declared]
    for path, secret, public_key, kid in declared:
        if (secret is None) == (public_key is None):
            raise _wrong(settings, path, "a key is either a `secret` or a `public_key`")
        if kids.count(kid) > 1:
            raise _wrong(settings, path, f"two keys have the kid {kid!r}")
        try:
            keys.append(from_secret(secret, kid) if secret is not None else from_pem(public_key or "", kid))
        except UnusableKeyError as error:
            name = "secret" if secret is not None else "public_key"
            raise _wrong(settings, (*path, name), str(error)) from None
    return KeySet(keys)


def _check_apart(settings: Settings, issuers: list[Issuer]) -> None:
    """Several issuers have to be told apart, and their callers too."""
    if len(issuers) < 2:
        return
    for what, values in (
        ("issuer", [issuer.settings.issuer for issuer in issuers]),
        ("id_prefix", [issuer.id_prefix for issuer in issuers]),
    ):
        for issuer, value in zip(issuers, values, strict=True):
            if value is None or values.count(value) > 1:
                message = f"where there are several issuers, each needs an `{what}` of its own"
                raise _wrong(settings, (*issuer.path, what), message)


def _wrong(settings: Settings, path: KeyPath, message: str) -> Exception:
    return settings.sources.error([Issue(path=path, message=message)])
