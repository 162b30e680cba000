"""What an import may pull in, checked in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "timm", "diffusers", "torchvision", "matplotlib", "PIL", "huggingface_hub", "jinja2", "scipy"}


def modules_after(code: str) -> set[str]:
    return {name.partition(".")[0] for name in every_module_after(code)}


def every_module_after(code: str) -> set[str]:
    script = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_zoo_imports_neither_torch_nor_click() -> None:
    assert not modules_after("import zoo") & (HEAVY | {"click", "rich", "pluggy", "numpy"})


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["info", "dcgan.glyphs-sans32"],
        ["info", "dcgan", "--component"],
        ["components"],
        ["plugins", "list"],
        ["runs", "ls", "."],
        ["verify", "dcgan.glyphs-sans32", "--files"],
    ],
    ids=" ".join,
)
def test_commands_that_only_read_facts_import_no_torch(words: list[str]) -> None:
    code = (
        f"from zoo.cli import main\ntry: main({words!r})\nexcept SystemExit as done: assert done.code == 0, done.code"
    )
    assert not modules_after(code) & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["list"], ["components"], ["plugins", "list"]], ids=" ".join)
def test_listings_import_the_plugins_own_modules_and_nothing_behind_them(words: list[str]) -> None:
    """Help imports no plugin at all, a listing the modules that the entry points name: no net, no config."""
    code = f"from zoo.cli import main\ntry: main({words!r})\nexcept SystemExit as done: assert done.code == 0"
    points = importlib.metadata.entry_points(group="zoo.plugins")
    packages = {point.module.partition(".")[0] for point in points} - {"zoo"}
    assert packages >= {"zoo_dcgan", "zoo_r3gan", "zoo_timm"}
    imported = {name for name in every_module_after(code) if name.partition(".")[0] in packages}
    wanted = set() if words == ["--help"] else packages | {point.module for point in points} - {"zoo.plugins.core"}
    assert imported == wanted


def test_every_public_name_is_there_and_sorted() -> None:
    import zoo

    assert zoo.__all__ == sorted(zoo.__all__)
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None


def test_sampling_a_release_imports_no_compiler() -> None:
    """Building on the meta device would: 3 s of a first load's 6."""
    code = "import zoo; ae = zoo.load('dcgan.glyphs-sans32').autoencoder; ae.decode(__import__('torch').zeros(1, 64))"
    assert not every_module_after(code) & {"torch._dynamo", "torch._inductor", "sympy"}
