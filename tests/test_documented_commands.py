"""Every command that the README and the docs print runs in the form printed, in a prepared folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from documented_commands import DIGITS, EXCEPTIONS, PAGES, PREPARED, ROOT, commands, shortened, words
from loopback import ANN, BOB, environment, hub

from zoo.cli import main

SOON = {"README.md", "docs/walks.md", "docs/security.md", "docs/strategies.md"}
"""Pages whose commands the ordinary suite runs; the others are `long`."""
NEEDS = {"docs/export.md": "onnx"}
"""Packages of extras without which a page's commands cannot run."""
ON_THE_HUB = "docs/hub.md"
REFUSED = {"zoo pull hub:lab/digits --verify-key eve.pub"}
"""Commands of that page that show an error."""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def run(command: str) -> None:
    with pytest.raises(SystemExit) as done:
        main(words(command))
    assert done.value.code in (0, None), command


def to_run(page: Path) -> list[str]:
    return [command for command in commands(page) if command not in EXCEPTIONS]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[] if name(page) in SOON else [pytest.mark.long])
        for page in PAGES
        if to_run(page) and name(page) != ON_THE_HUB
    ],
)
def test_the_commands_of_a_page_run_as_printed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name(page) in NEEDS:
        pytest.importorskip(NEEDS[name(page)])
    monkeypatch.chdir(tmp_path)
    for step in PREPARED.get(name(page), ()):
        if isinstance(step, str):
            run(step)
        else:
            step()
    capsys.readouterr()
    for command in to_run(page):
        try:
            run(shortened(command))
        except AssertionError:
            pytest.fail(f"{command}\n{capsys.readouterr().err}")


@pytest.mark.long
def test_the_commands_of_the_hubs_page_run_as_printed_against_a_hub_on_this_machine(tmp_path: Path) -> None:
    """In a shell, with three users' Hub; `release/`, ann/digits and bob/digits are there before."""
    with hub(tmp_path / "store") as server:
        ann, bob = (environment(server.url, tmp_path / who, token) for who, token in (("ann", ANN), ("bob", BOB)))

        def shell(command: str, env: dict[str, str]) -> int:
            path = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
            done = subprocess.run(["bash", "-c", command], env={**env, "PATH": path}, cwd=tmp_path, capture_output=True)
            texts.append(done.stderr.decode()[-2000:])
            return done.returncode

        texts: list[str] = []
        for command in (
            f"{DIGITS} --out run",
            "zoo release run release --license CC-BY-SA-3.0 --name dcgan.digits --version 1.0.0",
            "zoo release run newer --license CC-BY-SA-3.0 --name dcgan.digits --version 1.1.0",
            "zoo push release ann/digits",
            "openssl ecparam -name prime256v1 -genkey -noout -out key.pem && openssl ec -in key.pem -pubout -out key.pub",
            "openssl ecparam -name prime256v1 -genkey -noout -out eve.pem && openssl ec -in eve.pem -pubout -out eve.pub",
        ):
            assert shell(command, ann) == 0, texts[-1]
        assert shell("zoo push release bob/digits", bob) == 0, texts[-1]
        for command in to_run(ROOT / ON_THE_HUB):
            if command == "zoo registry update bob.digits":  # to what Bob has published since
                assert shell("zoo push newer bob/digits", bob) == 0, texts[-1]
            assert shell(command, ann) == (command in REFUSED), f"{command}\n{texts[-1]}"


def test_every_exception_is_still_printed_somewhere() -> None:
    printed = {command for page in PAGES for command in commands(page)}
    assert not set(EXCEPTIONS) - printed
    assert len(EXCEPTIONS) < len(printed) / 4


def test_commands_are_found_after_prompts_and_variables_and_with_continued_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```\npip install x && zoo list      # a comment\nHF_ENDPOINT=http://a zoo pull b\nzoo train \\\n  gan\n```\n"
        "```text\n$ zoo doctor\nzoo printed this\n```\n```python\nzoo = 1\n```\n"
    )
    assert commands(page) == ["zoo list", "zoo pull b", "zoo train gan", "zoo doctor"]
