"""What the README and the docs print is what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from zoo.cli import zoo

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks(page, "") for line in block.splitlines()]
    plain = [re.sub(r"^(\$ )?([A-Z_]+=\S+ )*", "", line) for line in lines]
    return [line for line in plain if re.match(r"zoo [a-z]", line)]


def test_the_readmes_snippet_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [snippet] = blocks(ROOT / "README.md", "python")
    monkeypatch.chdir(tmp_path)
    held: dict[str, object] = {}
    exec(compile(snippet, "README.md", "exec"), held)
    assert (held["samples"] == held["again"]).all()  # type: ignore[attr-defined]
    assert (tmp_path / "python-release" / "zoo.json").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_exist_with_those_options(page: Path) -> None:
    import click

    for line in commands(page):
        words = shlex.split(line)[1:]
        context = click.Context(zoo, info_name="zoo")
        command = zoo.get_command(context, words[0])
        assert words[0] in zoo.list_commands(context), line
        assert command is not None
        while isinstance(command, click.Group):
            words = words[1:]
            command = command.get_command(context, words[0])
            assert command is not None, line
        command.make_parser(click.Context(command)).parse_args(words[1:])  # raises for an unknown option


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_hold(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_holds_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "pip install . ./plugins/* && zoo demo" in text
    assert "pip install '.[test]' ./plugins/* && pytest" in text
    assert "pip install '.[test]' ./plugins/*" in (ROOT / ".ci" / "run").read_text("utf-8")
