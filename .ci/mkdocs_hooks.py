"""Hooks of the docs' build (mkdocs.yml): warnings that `--quiet` hides count for `--strict`, and no default is shown as
a library's own object."""

from __future__ import annotations

import logging
from typing import Any

import click
from mkdocs_click import _docs

__all__ = ["on_startup"]


def on_startup(**_: Any) -> None:
    """`--quiet` drops warnings before `--strict` counts them, so that a broken link passed: bring them back."""
    logger = logging.getLogger("mkdocs")
    logger.setLevel(min(logger.level, logging.WARNING))


_row = _docs._format_table_option_row


def _without_placeholder(option: click.Option) -> str:
    """An option's row of the table; click marks a default that is not set by an object, which mkdocs-click prints."""
    if str(option.default) == "Sentinel.UNSET":
        option.default = None
    return _row(option)


_docs._format_table_option_row = _without_placeholder
