"""Commands of plugins: listed from metadata alone, imported when run, never in place of a built-in one."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoints
from pathlib import Path
from typing import Any

import click
import pytest

from zoo.cli import ADD_ONS, COMMANDS, main, zoo as program

CODE = """
import click
@click.command()
@click.option("--twice", is_flag=True)
def hello(twice):
    click.echo("hello hello" if twice else "hello")
print("imported")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    add(folder, "zoo-hello", {"hello": "zoo_hello:hello", "list": "zoo_hello:hello"}, CODE)
    add(folder, "zoo-bad", {"bad": "zoo_bad:missing", "odd": "zoo_bad:number", "two": "zoo_bad:number"}, "number = 3")
    add(folder, "zoo-too", {"two": "zoo_too:number"}, "import sys; sys.exit(4)")
    add(folder, "zoo-quits", {"quits": "zoo_quits:x"}, "import sys; sys.exit(4)")
    return folder


def add(folder: Path, distribution: str, commands: dict[str, str], code: str) -> None:
    module = distribution.replace("-", "_")
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    points = "\n".join(f"{name} = {target}" for name, target in commands.items())
    (info / "entry_points.txt").write_text(f"[zoo.commands]\n{points}\n")
    (folder / f"{module}.py").write_text(code)


def zoo(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-m", "zoo", *words], capture_output=True, text=True, env=environment, check=False
    )


def test_help_lists_them_with_their_owner_and_imports_none(site: Path) -> None:
    done = zoo(site, "--help")
    assert done.returncode == 0
    assert "From zoo-hello 1.2." in done.stdout
    assert "zoo-bad 1.2 and zoo-too 1.2" in done.stdout
    assert "imported" not in done.stdout


def test_one_runs_with_its_own_options(site: Path) -> None:
    assert zoo(site, "hello", "--twice").stdout.split() == ["imported", "hello", "hello"]
    assert "--twice" in zoo(site, "hello", "--help").stdout


def test_a_built_in_command_cannot_be_replaced(site: Path) -> None:
    done = zoo(site, "list", "--quiet")
    assert done.returncode == 0
    assert "imported" not in done.stdout


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("bad", "cannot be loaded: AttributeError"),
        ("odd", "is a int, not a click command"),
        ("quits", "cannot be loaded: SystemExit"),
        ("two", "is offered by zoo-bad 1.2 and zoo-too 1.2"),
    ],
)
def test_a_broken_one_names_its_owner_and_stops_no_other(site: Path, name: str, cause: str) -> None:
    done = zoo(site, name)
    assert done.returncode == 1
    assert cause in done.stderr
    assert "zoo-" in done.stderr
    assert zoo(site, "hello").returncode == 0


def test_a_misspelt_one_is_offered_by_its_right_name(site: Path) -> None:
    done = zoo(site, "helo")
    assert done.returncode == 2
    assert "Did you mean hello" in done.stderr


# ---------------------------------------------------------------- commands of this repository's other distributions


def without(distribution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed: its entry points are gone."""
    every = importlib.metadata.entry_points

    def others(**wanted: Any) -> EntryPoints:
        return EntryPoints(point for point in every(**wanted) if point.dist is None or point.dist.name != distribution)

    monkeypatch.setattr(importlib.metadata, "entry_points", others)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(words)
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


NAMES = [name for name in ADD_ONS if name not in COMMANDS]


@pytest.mark.parametrize("name", NAMES)
def test_an_installed_add_on_is_listed_in_its_place_with_its_summary(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, "--help")
    lines = out.splitlines()
    assert code == 0
    [at] = [i for i, line in enumerate(lines) if line.split()[:1] == [name]]
    assert lines[at].split(maxsplit=1) == [name, ADD_ONS[name].summary]
    assert lines[at - 1].split()[0] == ADD_ONS[name].after
    assert "Commands of plugins" not in out
    assert "Not installed" not in out


def test_help_imports_no_add_on() -> None:
    code = "import sys\nfrom zoo.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "zoo.cli" in done.stderr.split()
    assert not {word.partition(".")[0] for word in done.stderr.split()} & {
        "zoo_bench",
        "zoo_export",
        "zoo_ui",
        "zoo_serve",
    }


@pytest.mark.parametrize("name", NAMES)
def test_help_says_how_to_install_a_missing_add_on_and_the_command_fails_with_it(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_on = ADD_ONS[name]
    without(add_on.distribution, monkeypatch)
    install = f"pip install ./plugins/{add_on.distribution.removeprefix('zoo-')}"
    code, out, _ = said(capsys, "--help")
    listed, _, missing = out.partition("Not installed")
    assert code == 0
    assert f"\n  {name} " not in listed
    lines = [line.strip() for line in missing.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
    assert lines[at : at + 2] == [f"{name:<{len(lines[at]) - len(add_on.summary)}}{add_on.summary}", install]
    for words in ([name], [name, "--help"]):
        code, _, err = said(capsys, *words)
        assert code == 2
        assert f"the command '{name}' is not installed" in err
        assert install in err
    assert name not in program.list_commands(click.Context(program))
    with_tab = click.Context(program, resilient_parsing=True)  # what click makes while a line is completed
    assert program.get_command(with_tab, name) is None


def project(folder: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parents[1] / folder / "pyproject.toml").read_text("utf-8"))["project"]


def test_what_the_hint_installs_is_that_distribution() -> None:
    assert {"bench", "gallery", "ui"} <= set(NAMES)
    for name in NAMES:
        brought = project(ADD_ONS[name].install.rpartition(" ")[2])
        assert brought["name"] == ADD_ONS[name].distribution
        assert name in brought["entry-points"]["zoo.commands"]


def test_the_cores_extras_bring_what_those_of_the_add_ons_do() -> None:
    short = project(".")["optional-dependencies"]
    assert short["ray"] == project("plugins/bench")["optional-dependencies"]["ray"]


def test_nobody_else_takes_the_name_of_an_add_on(tmp_path: Path) -> None:
    add(tmp_path, "zoo-other", {"ui": "zoo_other:hello", "hello": "zoo_other:hello"}, CODE)
    assert "From zoo-other" in zoo(tmp_path, "--help").stdout
    done = zoo(tmp_path, "ui", "--help")
    assert "--export-space" in done.stdout
    assert "imported" not in done.stdout
