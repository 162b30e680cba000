"""Which folders of this machine the page may read and write: those that were named when it was started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo.plugin import ConfigError

__all__ = ["Folders"]


@dataclass(frozen=True)
class Folders:
    """The folders in which typed paths must lie, links followed; none allows names alone."""

    roots: tuple[Path, ...]

    def check(self, text: str) -> str:
        """A typed name or path, stripped. Raises ConfigError for a path outside the folders, and for an address: the
        page reads what is on this machine."""
        text = text.strip()
        if "\0" in text or "://" in text or text.partition(":")[0] in ("hf", "shards", "hub"):
            raise ConfigError(f"the page reads no addresses: {text[:80]!r}", "Get it with the command line first.")
        path = Path(text).expanduser()
        if not text or (not _is_path(text) and not path.exists()):
            return text  # the name of a release or data set, or a mistake that opening it names
        resolved = path.resolve()
        if not any(resolved.is_relative_to(root.resolve()) for root in self.roots):
            hint = "Start the page again and name this folder." if self.roots else "Choose one of the list."
            raise ConfigError(f"{text[:200]} is in none of the folders that this page may use", hint)
        return text


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text.startswith(("~", "."))
