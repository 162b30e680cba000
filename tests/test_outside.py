"""Whatever a manifest or a registry says: no file outside the release's own folder is opened, and only ZooErrors come."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers import released
from hypothesis import HealthCheck, given, settings, strategies as st

import zoo
from zoo.errors import ZooError
from zoo.registry.index import get
from zoo.release.names import pin_of

MANY = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(MANY, max_examples=1000)
WORDS = [
    "..",
    ".",
    "",
    "outside",
    "secret.safetensors",
    "zoo.json",
    "lab",
    "link.txt",
    "deep",
    "~",
    "\0",
    "a\\b",
    "%2e",
]

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened is not None and isinstance(arguments[0], str | bytes):
        _opened.append(os.path.abspath(os.fsdecode(arguments[0])))


@contextmanager
def opened() -> Iterator[set[str]]:
    """The paths that this process opens meanwhile, by whatever way of Python's; its own code apart."""
    global _opened
    found: set[str] = set()
    _opened = []
    try:
        yield found
    finally:
        seen, _opened = _opened, None
        code = (sys.prefix, sys.base_prefix, str(Path(zoo.__file__).parents[1]), str(Path(pytest.__file__).parents[1]))
        found |= {path for path in seen if not path.startswith(code)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release at `lab/x`, secrets beside it, and in its folder links to them and a pipe that nobody writes to."""
    sys.addaudithook(_note)
    place = tmp_path_factory.mktemp("place")
    folder = released(place / "lab" / "x")
    (place / "outside").mkdir()
    shutil.copy(folder / "encoder.safetensors", place / "outside" / "secret.safetensors")
    shutil.copy(folder / "zoo.json", place / "outside" / "zoo.json")
    (folder / "link.safetensors").symlink_to("../../outside/secret.safetensors")
    (folder / "link.txt").symlink_to(place / "outside" / "secret.safetensors")
    (folder / "deep").symlink_to(place / "outside")
    os.mkfifo(folder / "pipe.safetensors")
    return place


def paths(place: Path) -> st.SearchStrategy[str]:
    """Names that lead out of a folder, and some that do not."""
    made = st.lists(st.sampled_from([*WORDS, str(place)]), min_size=1, max_size=5).map("/".join)
    named = ["encoder.safetensors", "link.safetensors", "pipe.safetensors", "link.txt", "deep/secret.safetensors"]
    secret = place / "outside" / "secret.safetensors"
    more = ["../../outside/secret.safetensors", str(secret), f"file://{secret}", "zoo.json", "/dev/zero", "/etc/passwd"]
    return st.sampled_from([*named, *more]) | made | st.text(max_size=12)


def check_manifest(place: Path, values: st.DataObject) -> None:
    folder = place / "lab" / "x"
    whole = (folder / "zoo.json").read_bytes()
    facts = json.loads(whole)
    name = values.draw(paths(place))
    table = values.draw(st.sampled_from([*facts["parts"], "files"]))
    if table == "files":
        old = values.draw(st.sampled_from(sorted(facts["files"])))
        facts["files"][name] = facts["files"].pop(old)
    else:
        facts["parts"][table]["file"] = name
    try:
        (folder / "zoo.json").write_text(json.dumps(facts))
        for read in (get, zoo.load):
            with opened() as seen, suppress(ZooError):
                read(str(folder))
            strays = {path for path in seen if not path.startswith(os.environ["ZOO_CACHE"])}
            assert {os.path.dirname(path) for path in strays} <= {str(folder)}
            assert not {path for path in strays if os.path.islink(path)}
            assert str(folder / "zoo.json") in strays  # the hook sees what is opened
    finally:
        (folder / "zoo.json").write_bytes(whole)


def check_registry(place: Path, values: st.DataObject) -> None:
    """Of the folder that a source names, zoo.json alone is opened before its pin is known to be right."""
    kind = values.draw(st.sampled_from(["dir:", "bundled:", "hub:", ""]))
    source = kind + values.draw(paths(place))
    pin = values.draw(st.sampled_from(["sha256:" + "0" * 64, pin_of((place / "lab" / "x" / "zoo.json").read_bytes())]))
    registry = place / "lab" / "registry.toml"
    registry.write_text(
        f'format = 1\n[models."dcgan.strange"]\nversion = "1.0.0"\nsource = {json.dumps(source)}\nmanifest = "{pin}"\n'
        'parts = ["autoencoder", "gan"]\ndata = { shape = [1, 8, 8] }\ncode_shape = [6]\nlicense = "CC0-1.0"\n'
    )
    for read in (get, zoo.load):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZOO_REGISTRY", str(registry))
            with opened() as seen, suppress(ZooError):
                read("dcgan.strange")
        assert str(registry) in seen
        inside = {path for path in seen if path.startswith(str(place)) and path != str(registry)}
        named = source.removeprefix("dir:").replace("\0", "")
        assert {os.path.basename(path) for path in inside} <= {"zoo.json"}
        assert {os.path.realpath(os.path.dirname(path)) for path in inside} <= {os.path.realpath(place / "lab" / named)}


@MANY
@given(values=st.data())
def test_no_manifest_makes_a_file_outside_its_folder_be_opened(place: Path, values: st.DataObject) -> None:
    check_manifest(place, values)


@MANY
@given(values=st.data())
def test_no_registry_makes_another_file_than_the_named_manifest_be_opened(place: Path, values: st.DataObject) -> None:
    check_registry(place, values)


@pytest.mark.long
@LONG
@given(values=st.data())
def test_no_manifest_does_so_in_a_thousand(place: Path, values: st.DataObject) -> None:
    check_manifest(place, values)


@pytest.mark.long
@LONG
@given(values=st.data())
def test_no_registry_does_so_in_a_thousand(place: Path, values: st.DataObject) -> None:
    check_registry(place, values)
