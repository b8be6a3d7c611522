"""What plugins keep of secrets: readable with the gateway's secret alone, and by the plugin whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxgate.settings.vault import VaultSettings
from fluxgate.vault import SealBrokenError, Vault

OLD, NEW = "o" * 32, "n" * 32


def vault(folder: Path, *secrets: str, plugin: str = "printing") -> Vault:
    return Vault(VaultSettings(secrets=secrets), folder, plugin)


@pytest.mark.parametrize("text", ["", "key", "ключ \0 " + "x" * 10_000])
@pytest.mark.parametrize("secrets", [(), (NEW,)])
def test_what_is_sealed_is_opened_after_a_restart(tmp_path: Path, text: str, secrets: tuple[str, ...]) -> None:
    sealed = vault(tmp_path, *secrets).seal(text)
    assert not text or text not in sealed
    assert vault(tmp_path, *secrets).unseal(sealed) == text


def test_looking_at_a_gateway_makes_no_secret_and_sealing_makes_one_of_its_owners(tmp_path: Path) -> None:
    made = vault(tmp_path)
    assert not list(tmp_path.iterdir())
    made.seal("key")
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("vault-secret", 0o600)]


def test_an_older_secret_still_opens_and_the_first_seals(tmp_path: Path) -> None:
    sealed = vault(tmp_path, OLD).seal("key")
    both = vault(tmp_path, NEW, OLD)
    assert both.unseal(sealed) == "key"
    again = both.seal("key")
    assert vault(tmp_path, NEW).unseal(again) == "key"
    with pytest.raises(SealBrokenError, match=r"vault\.secrets"):
        vault(tmp_path, NEW).unseal(sealed)


def test_another_plugin_opens_nothing(tmp_path: Path) -> None:
    sealed = vault(tmp_path, NEW).seal("key")
    with pytest.raises(SealBrokenError):
        vault(tmp_path, NEW, plugin="laser").unseal(sealed)


@pytest.mark.parametrize("damage", [lambda text: text[:-2], lambda text: "A" + text[1:], lambda _: "", lambda _: "é"])
def test_what_was_altered_is_refused(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    kept = vault(tmp_path, NEW)
    with pytest.raises(SealBrokenError):
        kept.unseal(damage(kept.seal("key")))
