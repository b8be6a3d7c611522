"""The JSON of what a caller may do here."""

from __future__ import annotations

from typing import Literal

import msgspec

from fluxgate_printing.settings import Role

Backend = Literal["native", "fluxprint"]


class MeView(msgspec.Struct, kw_only=True, rename="camel"):
    """`GET /me`. A role is null where the caller has none, or no scope for it; it is `everywhere` on all printers, and
    `anywhere` the highest on one of them. `printers`: those on which the caller has a role. `default`: the printer that
    routes without a name speak of, if it is one of these.

    `visibility`: whether viewers and operators have to do with everybody's jobs and files, or with their `own` and
    their projects'. `stop_others`: whether the caller may pause and cancel what others print wherever the caller is an
    operator; an admin of a printer always may there.
    """

    backend: Backend
    default: str | None
    visibility: Literal["all", "own"]
    stop_others: bool
    everywhere: Role | None
    anywhere: Role | None
    printers: dict[str, Role]
