"""Commands of plugins: listed from metadata alone, imported when run, never in place of a built-in one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
