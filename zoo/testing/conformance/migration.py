"""Checks of a component's `migrate`, which turns settings that an older version of its plugin wrote into those of
today."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from zoo import plugins
from zoo.config import from_plain, to_plain
from zoo.testing.conformance.cases import ComponentCase

__all__ = ["MIGRATION_CHECKS"]


def migration_leaves_settings_of_today_as_they_are(case: ComponentCase) -> None:
    """Settings that this version wrote are valid and the same after `migrate(this version, settings)`."""
    if case.registered.component.migrate:
        settings, result = to_plain(case.settings), _migrated(case)
        assert isinstance(result, Mapping), f"migrate gave a {type(result).__name__}, not a table of settings"
        again = to_plain(from_plain(type(case.settings), result, str(case)))
        assert again == settings, f"migrate made {again} of {settings}"


def migration_is_deterministic_and_keeps_its_argument(case: ComponentCase) -> None:
    """The same settings give the same result each time, and the table that was given stays as it was."""
    if case.registered.component.migrate:
        given = to_plain(case.settings)
        before = copy.deepcopy(given)
        first = copy.deepcopy(_migrated(case, given))
        assert given == before, f"migrate changed its argument from {before} to {given}"
        second = _migrated(case, given)
        assert first == second, f"migrate gave {first}, and then {second}"


def _migrated(case: ComponentCase, given: dict[str, Any] | None = None) -> Any:
    registered = case.registered
    migrate = plugins.import_component(registered, registered.component.migrate)
    return migrate(registered.plugin.version, to_plain(case.settings) if given is None else given)


MIGRATION_CHECKS = (
    migration_leaves_settings_of_today_as_they_are,
    migration_is_deterministic_and_keeps_its_argument,
)
