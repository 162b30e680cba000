"""Hostile input is refused with one clear line, or changes nothing that is pinned: never a traceback, never for long."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from attack import judge
from attack.arena import Action, Arena, Family
from attack.corpus import CORPUS
from attack.families import FAMILIES
from attack.many import Tried

_FEW, _MANY, _PART = 30, 1_000, 250


@pytest.fixture
def arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arena:
    monkeypatch.chdir(tmp_path)
    for name in ("ZOO_CONFIG", "ZOO_CACHE", "HF_HOME", "HF_TOKEN", "TMPDIR"):
        monkeypatch.setenv(name, "")  # put back at the end
    return Arena(tmp_path.resolve() / "arena")


def _wrong(arena: Arena, family: str, first: int, count: int) -> list[str]:
    tried = [Tried(family, seed, *arena.run(FAMILIES[family], seed)) for seed in range(first, first + count)]
    return [str(one) for one in tried if one.outcome.verdict == "wrong"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_few_hostile_cases_of_every_family_are_refused_or_harmless(arena: Arena, family: str) -> None:
    assert _wrong(arena, family, 0, _FEW) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(_FEW, _MANY, _PART))
@pytest.mark.parametrize("family", FAMILIES)
def test_twelve_thousand_hostile_cases_are_refused_or_harmless(arena: Arena, family: str, first: int) -> None:
    assert _wrong(arena, family, first, _PART) == []


@pytest.mark.parametrize("name", CORPUS)
def test_what_was_once_wrong_is_refused_or_handled(arena: Arena, name: str) -> None:
    make, action, refused = CORPUS[name]

    def damage(place: Path, rng: random.Random) -> str:
        make(place)
        return name

    family = Family("corpus", lambda place: None, damage, lambda rng: (name, action), compared=False)
    outcome = arena.run(family, 0)[1]
    assert outcome.verdict == ("refused" if refused else "other"), outcome.detail


def test_a_pipe_in_a_checkpoint_is_refused(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting for a writer."""

    def damage(place: Path, rng: random.Random) -> str:
        path = max((place / "run" / "checkpoints").iterdir()) / "state.json"
        path.unlink()
        os.mkfifo(path)
        return "a pipe"

    monkeypatch.setattr(judge, "_MOST_WAITED", 3.0)
    made = FAMILIES["checkpoints"].make
    family = Family(
        "pipes", made, damage, lambda rng: ("check", judge.command("runs", "check", "{}/run")), compared=False
    )
    assert arena.run(family, 0)[1].verdict == "refused"


def _spin() -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (lambda place: {}["x"], "KeyError"),
        (lambda place: (place.parents[1] / "outside" / "new.txt").write_text("x"), "outside its folder"),
        (lambda place: (place / "x").rename(place.parents[1] / "x"), "outside its folder"),
        (lambda place: judge.command("sample", judge.SECRET, "-o", "x.npz")(place), "printed a secret"),
        (lambda place: _spin(), "10 CPU seconds"),
        (lambda place: (place / "pipe").read_bytes(), "waited 20 seconds"),
        (lambda place: "another", "another result"),
    ],
)
def test_the_judge_notices_what_is_wrong(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, action: Action, says: str
) -> None:
    def make(place: Path) -> None:
        (place / "x").write_text("x")

    def damage(place: Path, rng: random.Random) -> str:
        os.mkfifo(place / "pipe")
        return "nothing"

    monkeypatch.setattr(judge, "_MOST_SECONDS", 0.2)
    monkeypatch.setattr(judge, "_MOST_WAITED", 3.0)
    monkeypatch.setattr(arena, "_result", lambda *_: "the result")
    family = Family("judged", make, damage, lambda rng: ("act", action), pinned=True)
    outcome = arena.run(family, 0)[1]
    assert outcome.verdict == "wrong"
    assert says in outcome.detail
