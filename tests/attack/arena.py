"""Where cases are run: a folder of their own, made anew for each from undamaged templates."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from attack.judge import SECRET, Outcome, judge

__all__ = ["Action", "Arena", "Family"]

Action = Callable[[Path], object]


@dataclass(frozen=True)
class Family:
    """One door of the program. `make` writes undamaged input into a folder, `damage` damages a copy and says how, and
    one of the `actions` uses it. What is `pinned` by digests may be refused, but never accepted with another result.
    Unless results are `compared`, the actions themselves are the damage."""

    name: str
    make: Callable[[Path], None]
    damage: Callable[[Path, random.Random], str]
    actions: Callable[[random.Random], tuple[str, Action]]
    pinned: bool = False
    compared: bool = True


class Arena:
    """Runs cases below `root`. Beside each case's folder lie the user's folders, and outside of it a secret."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place = root / "inside" / "case"
        self._undamaged: dict[tuple[str, str], object] = {}
        (root / "outside").mkdir(parents=True)
        (root / "outside" / "secret.txt").write_text(f"token = {SECRET}\n")

    def run(self, family: Family, seed: int) -> tuple[str, Outcome]:
        """The case of that seed: what was damaged and done, and what came of it."""
        rng = random.Random(f"{family.name}/{seed}")
        self._copy(family)
        key, action = family.actions(rng)
        undamaged = self._result(family, key, action)
        self._copy(family)
        how = family.damage(self.place, rng)
        return f"{how}; {key}", judge(action, self.place, undamaged, pinned=family.pinned)

    def _copy(self, family: Family) -> None:
        template = self.root / "templates" / family.name
        if not template.exists():
            self._empty()
            family.make(self.place)
            shutil.copytree(self.place, template)
        self._empty()
        shutil.copytree(template, self.place, dirs_exist_ok=True)

    def _result(self, family: Family, key: str, action: Action) -> object:
        """What the action gives on undamaged input; None if it gives nothing."""
        if not family.compared:
            return None
        if (family.name, key) not in self._undamaged:
            self._undamaged[family.name, key] = action(self.place)
        return self._undamaged[family.name, key]

    def _empty(self) -> None:
        shutil.rmtree(self.root / "inside", ignore_errors=True)
        self.place.mkdir(parents=True)
        folders = {"ZOO_CONFIG": "config", "ZOO_CACHE": "cache", "HF_HOME": "hf", "TMPDIR": "tmp"}
        for name, folder in folders.items():
            os.environ[name] = str(self.root / "inside" / folder)
        (self.root / "inside" / "tmp").mkdir()
        os.environ["HF_TOKEN"] = SECRET
        os.chdir(self.root / "inside")
