"""`[auth]`: who is asked for, and how callers prove who they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fluxgate.settings.jwt import JwtSettings
from fluxgate.settings.urls import check_http_url

__all__ = ["AuthSettings", "Issuer", "KeySettings", "LinkSettings", "SessionSettings"]


class KeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """API keys, made with `fluxgate keys create` or `POST /-/auth/keys`, kept in the database."""

    enabled: Annotated[
        bool, Meta(description="Take API keys. They alone are enough to have callers asked who they are.")
    ] = False
    cache_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="How long a key that was verified isn't looked up again; so long may a key that is revoked by "
            "another replica or by the command go on being taken.",
        ),
    ] = 5.0


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Browser sessions: a cookie for what can't send a header, such as images and downloads."""

    max_age: Annotated[float, Meta(ge=60, le=2_592_000, description="Seconds after which a session ends.")] = 43_200.0
    outlive_token: Annotated[
        bool,
        Meta(description="A session goes on when the token that it was made with has expired, until `max_age`."),
    ] = False
    same_site: Annotated[
        Literal["strict", "lax", "none"],
        Meta(
            description="When browsers send the cookie along from other sites' pages: `strict` never, `lax` with a "
            "link that is followed, `none` always (over https only; needed where another site's page shows a camera)."
        ),
    ] = "lax"
    cache_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="How long a session that was verified isn't looked up again; so long may one that was ended "
            "at another replica go on.",
        ),
    ] = 5.0


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed links: one GET of one path for a while, for whoever has the link."""

    max_age: Annotated[float, Meta(ge=1, le=604_800, description="The longest that a link may work, in seconds.")] = (
        3600.0
    )


class Issuer(msgspec.Struct, frozen=True):
    """One issuer as configured: the keys that lead to it in the document, and the prefix of its callers' ids."""

    path: tuple[str, ...]
    id_prefix: str
    settings: JwtSettings


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call. With no identity provider set (`[auth.jwt]`, `[auth.issuers.<name>]` or `auth.keys.enabled`),
    everybody on this machine may do everything, and the gateway refuses to listen on any other address."""

    insecure: Annotated[
        bool,
        Meta(
            description="Serve other machines without an identity provider. Everybody who reaches the gateway may then "
            "do everything."
        ),
    ] = False
    secret: Annotated[
        str | None,
        Meta(
            description="At least 32 characters that sign links. If not set, a secret is made and kept in "
            "`gateway.data_dir`; several replicas need the same."
        ),
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Names by which the gateway may be asked while it asks nobody who they are, beside this "
            "machine's own and `gateway.public_url`'s; `*` for any. Others are refused, because a web page elsewhere "
            "can make a name of its own mean this machine.",
            examples=[["printers.local"]],
        ),
    ] = ()
    trusted_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins whose pages may change things with a browser's session, beside the gateway's own.",
            examples=[["https://studio.example.org"]],
        ),
    ] = ()
    recheck_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=900,
            description="How often it is asked again whether the caller of a camera, an event stream or a WebSocket "
            "may still have it, which is ended otherwise. What is withdrawn through this gateway ends at once.",
        ),
    ] = 30.0
    jwt: JwtSettings | None = None
    issuers: dict[str, JwtSettings] = {}
    keys: KeySettings = KeySettings()
    session: SessionSettings = SessionSettings()
    links: LinkSettings = LinkSettings()

    def __post_init__(self) -> None:
        for origin in self.trusted_origins:
            check_http_url(origin, "trusted_origins")
            if origin.count("/") != 2:
                raise ValueError(f"trusted_origins: {origin!r} must be scheme, host and port, without a path")

    @property
    def has_provider(self) -> bool:
        """Whether callers are asked who they are."""
        return self.keys.enabled or self.jwt is not None or bool(self.issuers)

    def all_issuers(self) -> Iterator[Issuer]:
        """`[auth.jwt]`, then `[auth.issuers.<name>]`."""
        if self.jwt is not None:
            yield Issuer(("auth", "jwt"), self.jwt.id_prefix or "", self.jwt)
        for name, settings in self.issuers.items():
            prefix = f"{name}:" if settings.id_prefix is None else settings.id_prefix
            yield Issuer(("auth", "issuers", name), prefix, settings)
