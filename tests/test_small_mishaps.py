"""Passwords, odd characters, full outputs, deep paths and early Ctrl-C: each is handled in one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers import autoencoder
from packaging.requirements import Requirement
from registries import table, write

import zoo
from zoo._utils.files import write_atomically
from zoo._utils.html import facts_table
from zoo.cli import main, show
from zoo.errors import ConfigError, Diverged, ReleaseError, RemoteError, StorageError
from zoo.registry.fetch import fetch
from zoo.remote.client import check_address

SECRET = "hunter2"
ODD = "a\u202eb\x1b[31mc\x9bd"
ROOT = Path(__file__).parent.parent


def fail(*words: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0)


def test_no_password_of_an_address_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"https://ann:{SECRET}@lab.example:x/registry.toml?private_token={SECRET}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    for words in (["doctor"], ["doctor", "--json"], ["search", "digits"], ["--registry", address, "list"]):
        assert fail(*words)
    said = capsys.readouterr()
    assert "lab.example" in said.out
    assert SECRET not in said.out + said.err
    with pytest.raises(RemoteError) as wrong:
        check_address()
    with pytest.raises(ConfigError) as other, monkeypatch.context():
        fetch(address.replace("https", "ftp"))
    assert all(SECRET not in str(caught.value) and "***@lab" in str(caught.value) for caught in (wrong, other))


def test_odd_characters_reach_neither_json_nor_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo_ui.gallery import gallery

    show.print_json({"text": ODD})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"text": ODD}
    assert printed.isascii()
    assert not set("\u202e\x1b\x9b") & set(facts_table([("key", ODD)]))
    registry = write(tmp_path / "registry.toml", table("dcgan.odd", license='"MIT"'))
    monkeypatch.setenv("ZOO_REGISTRY", str(registry))
    (tmp_path / "results.csv").write_text(f"name,value\n{ODD},1\n")
    for page in gallery(tmp_path / "pages", "dcgan.odd", results=tmp_path / "results.csv"):
        assert not set("\u202e\x1b\x9b") & set(page.read_text())


def run(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zoo", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_full_output_is_one_error(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        process = run(*words, stdout=full)
        said = process.communicate(timeout=120)[1]
    assert (process.returncode, said.splitlines()[0]) == (1, "error: No space left on device")


@pytest.mark.parametrize("where", ["zoo.cli", "zoo.plugins.loading", "zoo.registry.file"])
def test_ctrl_c_while_starting_prints_no_traceback(where: str, tmp_path: Path) -> None:
    """The signal comes while that module is imported: before the program handles errors, and after."""
    path = ROOT / "zoo" / Path(*where.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def hook(event, arguments):\n"
        f"    if event == 'import' and arguments[0] == {where!r}:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.addaudithook(hook)\n"
    )
    process = run("list", stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    said = process.communicate(timeout=120)[1]
    assert process.returncode in (1, 130)
    assert said.strip() == "stopped"
    assert "Traceback" not in said


def test_a_path_of_thousands_of_parts_is_made_or_too_long_and_no_bug(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="File name too long"):
        write_atomically(tmp_path.joinpath(*["a"] * 4000) / "file", b"")
    assert not list(tmp_path.iterdir())
    deep = tmp_path.joinpath(*["a"] * 1500) / "file"
    write_atomically(deep, b"there")
    assert deep.read_bytes() == b"there"
    deep.unlink()
    for folder in [*deep.parents][:1500]:
        folder.rmdir()


def test_a_run_that_diverged_at_once_is_not_released(images_file: Path, tmp_path: Path) -> None:
    wild = {"batch": 16, "learning_rate": 1e30}
    with pytest.raises(Diverged):
        zoo.train(autoencoder("mlp"), str(images_file), out=tmp_path / "run", images=640, training=wild)
    with pytest.raises(ReleaseError, match=r"nothing was trained in .*diverged.* is of 0 images"):
        zoo.open_run(tmp_path / "run").release(tmp_path / "release", license="MIT")
    assert not (tmp_path / "release").exists()


def test_a_release_of_an_unfinished_run_says_so(
    images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(event: zoo.types.Event) -> None:  # type: ignore[name-defined]
        if event.kind == "checkpoint" and event.shown == 32:
            raise RuntimeError("no more")

    small = {"batch": 16, "checkpoint_every": 16}
    with pytest.raises(RuntimeError):
        zoo.train(autoencoder("mlp"), images_file, out=tmp_path / "run", images=64, training=small, watch=[stop])
    assert fail("release", tmp_path / "run", tmp_path / "release", "--license", "MIT") == 0
    said = capsys.readouterr().err
    assert said == "warning: the run is failed (RuntimeError: no more): this is its checkpoint of 32 of 64 images\n"


def test_every_plugin_says_which_zoo_it_needs() -> None:
    files = [*ROOT.glob("plugins/*/pyproject.toml"), *ROOT.glob("examples/*/pyproject.toml")]
    assert len(files) > 15
    for path in [*files, ROOT / "zoo/scaffold/template/pyproject.toml.tmpl"]:
        text = path.read_text().replace("$", "")
        needs = [Requirement(one) for one in tomllib.loads(text)["project"]["dependencies"]]
        (core,) = [one for one in needs if one.name == "aegan-zoo"]
        assert {one.operator for one in core.specifier} & {">=", "~="}, path
        assert core.specifier.contains(zoo.__version__), path
