"""The keys that an issuer's tokens are verified with, and which signature algorithms each of them is good for.

An algorithm is never taken from the token alone: it has to be one of its key's type. A public key used as the secret of
an HMAC is thereby impossible, and so is `none`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

__all__ = ["KeySet", "UnusableKeyError", "VerificationKey", "from_jwk", "from_pem", "from_secret"]

MINIMUM_RSA_BITS = 2048
_HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""A secret must be as long as the hash (RFC 7518 §3.2)."""
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_FAMILIES: Mapping[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


class UnusableKeyError(ValueError):
    """What was given is no key that tokens can be verified with; the text never holds the key."""


class VerificationKey(msgspec.Struct, frozen=True):
    """One key. `kid`: the id by which tokens name it; None if it has none. `material`: as PyJWT takes it."""

    kid: str | None
    algorithms: frozenset[str]
    material: Any


class KeySet:
    """An issuer's keys at one moment."""

    def __init__(self, keys: Iterable[VerificationKey]) -> None:
        self._by_kid: dict[str | None, list[VerificationKey]] = {}
        self._all = tuple(keys)
        for key in self._all:
            self._by_kid.setdefault(key.kid, []).append(key)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def algorithms(self) -> frozenset[str]:
        """All that some key is good for."""
        return frozenset().union(*(key.algorithms for key in self._all))

    def knows(self, kid: str | None) -> bool:
        """Whether a token that names `kid` can be one of this set's."""
        return kid in self._by_kid or None in self._by_kid or kid is None

    def candidates(self, kid: str | None, algorithm: str) -> list[VerificationKey]:
        """The keys that a token of this header may be signed with: those of its `kid`, else those without one; any if
        it names none."""
        keys = list(self._all) if kid is None else self._by_kid.get(kid) or self._by_kid.get(None, [])
        return [key for key in keys if algorithm in key.algorithms]


def from_secret(secret: str, kid: str | None = None) -> VerificationKey:
    """A shared secret, good for the HMACs that it is long enough for. Raises UnusableKeyError."""
    material = secret.encode()
    algorithms = frozenset(name for name, size in _HMAC_BYTES.items() if len(material) >= size)
    if not algorithms:
        raise UnusableKeyError("a secret must have at least 32 bytes")
    if secret.lstrip().startswith("-----BEGIN"):
        raise UnusableKeyError("this is a key in PEM, not a shared secret: a public key belongs into `public_key`")
    return VerificationKey(kid, algorithms, material)


def from_pem(text: str, kid: str | None = None) -> VerificationKey:
    """A public key or a certificate in PEM. Raises UnusableKeyError."""
    pem = text.encode()
    if "PRIVATE KEY" in text:
        raise UnusableKeyError("this is a private key: the issuer keeps it, the gateway needs the public one")
    try:
        public = x509.load_pem_x509_certificate(pem).public_key() if "CERTIFICATE" in text else load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKeyError("must be a public key or a certificate in PEM (`-----BEGIN PUBLIC KEY-----`)") from None
    return VerificationKey(kid, _algorithms_of(public), public)


def from_jwk(jwk: Mapping[str, Any]) -> VerificationKey:
    """One key of a published set (RFC 7517). Raises UnusableKeyError for one that isn't meant for signatures, is
    private or symmetric, or isn't understood."""
    family = _FAMILIES.get(str(jwk.get("kty")))
    if family is None:
        raise UnusableKeyError("its type isn't one that is published for signatures")
    if "d" in jwk:
        raise UnusableKeyError("it is a private key")
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or (operations is not None and "verify" not in operations):
        raise UnusableKeyError("it isn't for signatures")
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKeyError("its kid isn't text")
    try:
        public = family.from_jwk(dict(jwk))
    except (InvalidKeyError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        raise UnusableKeyError("it isn't understood") from None
    algorithms = _algorithms_of(public)
    if (named := jwk.get("alg")) is not None:
        algorithms &= {named}
        if not algorithms:
            raise UnusableKeyError("its alg doesn't fit its type")
    return VerificationKey(kid, algorithms, public)


def _algorithms_of(public: object) -> frozenset[str]:
    match public:
        case RSAPublicKey():
            if public.key_size < MINIMUM_RSA_BITS:
                raise UnusableKeyError(f"an RSA key must have at least {MINIMUM_RSA_BITS} bits")
            return _RSA
        case EllipticCurvePublicKey():
            if (algorithm := _CURVES.get(public.curve.name)) is not None:
                return frozenset({algorithm})
            raise UnusableKeyError(f"the curve must be one of {', '.join(_CURVES)}")
        case Ed25519PublicKey() | Ed448PublicKey():
            return frozenset({"EdDSA"})
    raise UnusableKeyError("the key must be RSA, EC or Ed25519/Ed448")
