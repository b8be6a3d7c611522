"""`[auth.jwt]` and `[auth.issuers.<name>]`: whose tokens are taken, how they are verified, what is read from them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fluxgate.settings.urls import check_http_url

__all__ = ["Algorithm", "ClaimSettings", "JwtSettings", "VerificationKeySettings"]

Algorithm = Literal[
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]


class ClaimSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which claims of a token say what. A dot leads into a table: `realm_access.roles`. Names come as a list, or as
    one text divided by spaces or commas."""

    id: Annotated[str, Meta(min_length=1, description="Who it is: stable, and unique within the issuer.")] = "sub"
    name: Annotated[str, Meta(description="A name for people; empty for none.")] = "name"
    roles: Annotated[str, Meta(description="The caller's roles; empty if tokens name none.")] = "roles"
    groups: Annotated[str, Meta(description="The caller's groups; empty if tokens name none.")] = "groups"
    scopes: Annotated[
        str,
        Meta(
            description="The scopes that a token is restricted to, mostly `scope`. If not set, tokens aren't "
            "restricted. If set, a token without the claim has no scope, unless `scopes_optional`."
        ),
    ] = ""
    scopes_optional: Annotated[
        bool, Meta(description="A token without the claim of scopes isn't restricted, instead of having none.")
    ] = False
    role_map: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="From a role as the issuer calls it to roles here: "
            '`{ "flux-admins" = ["admin"] }`. If set, a role that isn\'t in it counts for nothing.'
        ),
    ] = {}
    default_roles: Annotated[
        tuple[str, ...], Meta(description="The roles of a caller whose token leads to none.", examples=[["viewer"]])
    ] = ()


class VerificationKeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several keys, during a rotation for example: a `secret` or a `public_key`."""

    kid: Annotated[str, Meta(min_length=1, description="The id by which tokens name it.")]
    secret: Annotated[str | None, Meta(description="A shared secret (HS…) of at least 32 bytes.")] = None
    public_key: Annotated[str | None, Meta(description="A public key or certificate in PEM.")] = None


class JwtSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An issuer of bearer tokens (JWT). Set one of `secret`, `public_key`, `keys` and `jwks_url`."""

    issuer: Annotated[
        str | None,
        Meta(
            description="What a token's `iss` must be; if not set, it isn't looked at. Needed where there are several.",
            examples=["https://id.example.org"],
        ),
    ] = None
    audience: Annotated[
        tuple[str, ...],
        Meta(
            description="A token's `aud` must name one of them. If not set, tokens with an `aud` aren't taken, as they "
            "are meant for somebody else.",
            examples=[["fluxgate"]],
        ),
    ] = ()
    secret: Annotated[str | None, Meta(description="A shared secret (HS…) of at least 32 bytes.")] = None
    public_key: Annotated[str | None, Meta(description="A public key or certificate in PEM.")] = None
    keys: tuple[VerificationKeySettings, ...] = ()
    jwks_url: Annotated[
        str | None,
        Meta(
            description="Where the issuer publishes its keys.",
            examples=["https://id.example.org/.well-known/jwks.json"],
        ),
    ] = None
    algorithms: Annotated[
        tuple[Algorithm, ...],
        Meta(
            description="The signature algorithms that are taken; if not set, all that fit the keys. One that doesn't "
            "fit a token's key is never taken.",
            examples=[["RS256"]],
        ),
    ] = ()
    leeway: Annotated[
        float, Meta(ge=0, le=600, description="Seconds by which the issuer's clock may differ from this one.")
    ] = 30.0
    max_bytes: Annotated[int, Meta(ge=256, le=65_536, description="The largest token that is looked at.")] = 8192
    id_prefix: Annotated[
        str | None,
        Meta(
            description="Put before every caller's id, so that no issuer can speak for another's callers. By default "
            "nothing in `[auth.jwt]`, and `<name>:` in `[auth.issuers.<name>]`.",
            examples=["company:"],
        ),
    ] = None
    jwks_max_age: Annotated[
        float,
        Meta(
            ge=1,
            le=604_800,
            description="Seconds after which the published keys are fetched again, at the latest; `Cache-Control` may "
            "ask for it sooner.",
        ),
    ] = 3600.0
    jwks_min_interval: Annotated[
        float,
        Meta(ge=0, le=3600, description="A key that isn't known has them fetched again at most every so many seconds."),
    ] = 30.0
    jwks_stale: Annotated[
        float,
        Meta(
            ge=0,
            le=2_592_000,
            description="Seconds that the last keys go on being used while no new ones can be fetched.",
        ),
    ] = 86_400.0
    jwks_timeout: Annotated[float, Meta(gt=0, le=60, description="Seconds in which a fetch has to be done.")] = 5.0
    claims: ClaimSettings = ClaimSettings()

    def __post_init__(self) -> None:
        if self.jwks_url is not None:
            check_http_url(self.jwks_url, "jwks_url")
