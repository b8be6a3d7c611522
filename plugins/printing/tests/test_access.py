"""Who has which role where, against the plainest way to say it; and grants that name what isn't there."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from fluxgate_printing.access import COMMAND, OPERATE, RANKS, VIEW, WATCH, Access, Permission
from fluxgate_printing.settings import AccessSettings, GrantSettings, PrintingSettings
from hypothesis import given
from hypothesis import strategies as st

from fluxgate.errors import ForbiddenError
from fluxgate.plugin import Check, Principal
from fluxgate.policy import authorize

PRINTERS = {"a": frozenset({"front"}), "b": frozenset({"front", "big"}), "c": frozenset[str]()}
NAMES = ("x", "y", "z")
whos = st.tuples(st.sampled_from(("role", "group", "user")), st.sampled_from(NAMES)).map(":".join)
grants = st.builds(
    GrantSettings,
    who=st.lists(whos, min_size=1, max_size=3).map(tuple),
    printers=st.lists(st.sampled_from(("a", "b", "c", "group:front", "group:big")), min_size=1, max_size=3).map(tuple),
    role=st.sampled_from(("viewer", "operator", "admin")),
)
lists = st.lists(whos, max_size=2).map(tuple)
settings = st.builds(
    AccessSettings, viewers=lists, operators=lists, admins=lists, grants=st.lists(grants, max_size=4).map(tuple)
)
names = st.frozensets(st.sampled_from((*NAMES, "admin")), max_size=2)
principals = st.builds(Principal, id=st.sampled_from(NAMES), roles=names, groups=names)


def plain_rank(access: AccessSettings, principal: Principal, printer: str | None) -> int:
    """The same, spelled out."""
    called = {
        f"user:{principal.id}",
        *(f"role:{r}" for r in principal.roles),
        *(f"group:{g}" for g in principal.groups),
    }
    if "admin" in principal.roles or called & set(access.admins):
        return 3
    ranks = [2 * bool(called & set(access.operators)), 1 * bool(called & set(access.viewers))]
    for grant in access.grants if printer is not None else ():
        there = {printer, *(f"group:{group}" for group in PRINTERS[printer or "a"])}
        if called & set(grant.who) and there & set(grant.printers):
            ranks.append(RANKS[grant.role])
    return max(ranks)


@given(settings, principals)
def test_roles_are_what_settings_say(given_settings: AccessSettings, principal: Principal) -> None:
    access = Access(given_settings, PRINTERS, "a")
    for printer in (None, *PRINTERS):
        assert access.rank(principal, printer) == plain_rank(given_settings, principal, printer)
    on_any = max(plain_rank(given_settings, principal, printer) for printer in PRINTERS)
    assert access.best_rank(principal) == on_any
    for permission, rank in ((VIEW, on_any), (OPERATE, on_any), (WATCH, None), (COMMAND, None)):
        has = plain_rank(given_settings, principal, "a") if rank is None else rank
        assert allowed(access, permission, principal) == (has >= RANKS[permission.role])
    seen = access.printers(principal)
    everywhere = plain_rank(given_settings, principal, None) >= 1
    assert seen == (None if everywhere else {p for p in PRINTERS if plain_rank(given_settings, principal, p)})


scopes = st.none() | st.frozensets(st.sampled_from(("printing:view", "printing:operate", "printing:admin", "metrics")))


@given(settings, principals, scopes)
def test_a_role_is_said_if_the_policies_let_it_be_used(
    given_settings: AccessSettings, principal: Principal, held: frozenset[str] | None
) -> None:
    access = Access(given_settings, PRINTERS, "a")
    caller = msgspec.structs.replace(principal, scopes=held)

    def usable(on: Literal["any", "named"], printer: str) -> str | None:
        usable = None
        for role in RANKS:
            if not allowed(access, Permission(role, on), caller, printer):
                return usable
            usable = role
        return usable

    said = access.roles(caller)
    assert {name: said.get(name) for name in PRINTERS} == {name: usable("named", name) for name in PRINTERS}
    if access.best_role(caller) != "admin":  # what concerns everybody's is for admins of all printers
        assert access.best_role(caller) == usable("any", "a")
    assert (access.role(caller) == "admin") == (usable("any", "a") == "admin")
    ranks = [RANKS[role] for role in said.values()]
    best = access.best_role(caller)
    assert max(ranks, default=0) == (0 if best is None else RANKS[best])
    everywhere = access.role(caller)
    assert everywhere is None or min(ranks) >= RANKS[everywhere]


@pytest.mark.parametrize(
    ("section", "caller", "may"),
    [
        ({}, {"roles": {"operator"}}, True),
        ({}, {"roles": {"viewer"}}, False),
        ({"visibility": "own"}, {"roles": {"operator"}}, False),
        ({"visibility": "own"}, {"roles": {"admin"}}, True),
        ({"visibility": "own"}, {"roles": {"admin"}, "scopes": {"printing:view", "printing:operate"}}, False),
        ({"visibility": "own", "stop_others": "operator"}, {"roles": {"operator"}}, True),
        ({"visibility": "own", "stop_others": "operator"}, {"roles": {"operator"}, "scopes": {"printing:view"}}, False),
    ],
)
def test_whose_prints_one_may_stop(section: dict[str, Any], caller: dict[str, Any], may: bool) -> None:
    access = Access(msgspec.convert(section, AccessSettings), PRINTERS, "a")
    principal = msgspec.convert({"id": "x", **caller}, Principal)
    assert access.stops_others(principal) == may


def allowed(access: Access, permission: Permission, principal: Principal, printer: str = "a") -> bool:
    policy = access.policy(permission)
    assert isinstance(policy, Check)
    try:
        assert authorize(policy, principal, {"path_params": {"printer": printer}}) is None
    except ForbiddenError:
        return False
    return True


def test_a_key_of_an_admins_is_an_operators_without_the_scope() -> None:
    access = Access(AccessSettings(admins=("user:ann",)), PRINTERS, "a")
    for admin in (Principal(id="ann"), Principal(id="bob", roles=frozenset({"admin"}))):
        assert access.is_admin(admin)
        key = msgspec.structs.replace(admin, scopes=frozenset({"printing:view", "printing:operate"}))
        assert not access.is_admin(key)
        assert allowed(access, COMMAND, key)
        assert access.is_admin(msgspec.structs.replace(key, scopes=frozenset({"printing:admin"})))


GRANT = {"who": ["group:lab"], "role": "operator"}


@pytest.mark.parametrize(
    ("section", "printers"),
    [
        ({}, ["virtual"]),
        ({"octoprint": {"url": "http://octo"}, "printers": {"b": {"driver": "virtual"}}}, ["octoprint", "b"]),
        ({"printers": {"b": {"driver": "virtual", "groups": ["big"]}}}, ["group:big"]),
        ({"fluxprint": {"url": "http://flux"}}, ["fluxprint"]),
    ],
)
def test_grants_name_printers_however_these_came_to_be(section: dict[str, Any], printers: list[str]) -> None:
    def settings(names: list[str]) -> PrintingSettings:
        return msgspec.convert(
            {**section, "access": {"grants": [{**GRANT, "printers": names}]}}, PrintingSettings, strict=False
        )

    decoded = settings(printers)
    access = Access(decoded.access, decoded.printer_groups, next(iter(decoded.printer_groups)))
    assert access.best_rank(Principal(id="l", groups=frozenset({"lab"}))) == RANKS["operator"]
    assert access.best_rank(Principal(id="l", groups=frozenset({"other"}))) == 0
    assert access.granted_nowhere == []


def test_a_grant_on_what_is_not_there_gives_something_when_it_is() -> None:
    decoded = msgspec.convert({"grants": [{**GRANT, "printers": ["mk5", "group:big"]}]}, AccessSettings)
    access = Access(decoded, {"a": frozenset()}, "a")
    lab = Principal(id="l", groups=frozenset({"lab"}))
    assert access.granted_nowhere == ["mk5", "group:big"]
    assert access.best_rank(lab) == 0
    access.arrange({"a": frozenset(), "mk5": frozenset(), "mk6": frozenset({"big"})}, "mk5")
    assert access.granted_nowhere == []
    assert access.printers(lab) == {"mk5", "mk6"}
    assert allowed(access, COMMAND, lab), "on the default printer, which is another now"


def test_a_grant_for_a_printer_is_none_for_fluxprint() -> None:
    section = {
        "fluxprint": {"url": "http://flux"},
        "printers": {"b": {"driver": "virtual", "groups": ["big"]}},
        "access": {"grants": [{**GRANT, "printers": ["b", "group:big"]}]},
    }
    settings = msgspec.convert(section, PrintingSettings, strict=False)
    access = Access(settings.access, settings.printer_groups, "fluxprint")
    assert access.best_rank(Principal(id="l", groups=frozenset({"lab"}))) == 0


@pytest.mark.parametrize("who", ["lab", "team:lab", "group:", ""])
def test_callers_are_named_by_role_group_or_user(who: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="matching regex"):
        msgspec.convert({"viewers": [who]}, AccessSettings)
