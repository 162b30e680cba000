"""An old edition of a registry is refused, and one that has expired."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import released

from zoo.cli import zoo as command
from zoo.errors import IntegrityError, ReleaseError
from zoo.registry import fetch as fetching
from zoo.registry.edit import add, remove, renew
from zoo.registry.edition import Edition
from zoo.registry.file import parse_registry
from zoo.registry.index import read_registry
from zoo.registry.parsed import read_file

TODAY = datetime.now(UTC).date()


def text(serial: int | None = None, expires: date | None = None, rest: str = "") -> bytes:
    lines = ["format = 1", *([f"serial = {serial}"] if serial is not None else [])]
    return "\n".join([*lines, *([f"expires = {expires}"] if expires else []), rest]).encode()


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("serial = -1", "serial"),
        ("serial = 1.5", "serial"),
        ("serial = true", "serial"),
        ("serial = 9223372036854775807", "serial"),
        ('expires = "2030-01-01"', "expires"),
        ("expires = 2030-01-01T00:00:00Z", "expires"),
        ("expire = 2030-01-01", "unknown key 'expire'"),
    ],
)
def test_a_wrong_edition_is_named(lines: str, named: str) -> None:
    with pytest.raises(ReleaseError, match=named):
        parse_registry(f"format = 1\n{lines}\n".encode(), Path("r.toml"))


def test_a_registry_is_used_through_its_last_day(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_bytes(text(expires=TODAY))
    assert read_registry(path) == ()
    path.write_bytes(text(expires=TODAY - timedelta(days=1)))
    with pytest.raises(IntegrityError, match="expired") as refusal:
        read_registry(path)
    assert "zoo registry renew" in refusal.value.hint


def test_a_large_one_that_was_parsed_before_expires_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "registry.toml"
    path.write_bytes(text(3, TODAY - timedelta(days=1), "#" * 60_000))
    for _ in range(2):
        with pytest.raises(IntegrityError, match="expired"):
            read_registry(path)
        assert read_file(path).edition == Edition(3, TODAY - timedelta(days=1))


def test_every_change_is_the_next_edition_and_comments_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config"))
    folder, path = released(tmp_path / "release"), tmp_path / "lab.toml"
    add(str(folder), path)
    assert read_file(path).edition == Edition()  # without a serial it gets none
    path.write_bytes(b"# ours\n" + path.read_bytes())
    assert renew(path, 30) == Edition(1, TODAY + timedelta(days=30))
    remove("dcgan.blobs", path)
    assert read_file(path).edition.serial == 2
    add(str(folder), path)
    assert renew(path, 10) == Edition(4, TODAY + timedelta(days=10))
    written = path.read_text()
    assert written.startswith("# ours\n")
    assert written.count("serial") == written.count("expires") == 1


def test_the_command_renews_a_file_that_has_expired(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_bytes(text(7, TODAY - timedelta(days=9)))
    done = CliRunner().invoke(command, ["registry", "renew", str(path), "--days", "5", "--json"])
    assert json.loads(done.output) | {"file": ""} == {
        "file": "",
        "serial": 8,
        "expires": str(TODAY + timedelta(days=5)),
    }
    path.write_bytes(b'format = 1\n"serial" = 7\n')  # a way of writing that it does not know
    done = CliRunner().invoke(command, ["registry", "renew", str(path)])
    assert done.exit_code != 0
    assert path.read_bytes() == b'format = 1\n"serial" = 7\n'
    assert isinstance(done.exception, ReleaseError | SystemExit)


class Reply:
    """What a server gives: the opener's reply."""

    data = b""

    def open(self, url: str, timeout: float) -> Reply:
        return self

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self, most: int) -> bytes:
        return self.data[:most]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reply:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    reply = Reply()
    monkeypatch.setattr(fetching.urllib.request, "build_opener", lambda *handlers: reply)
    return reply


def test_a_server_cannot_go_back_to_an_old_edition(server: Reply) -> None:
    url = "https://lab.example/registry.toml"
    for serial in (None, 3, 3, 4):
        server.data = text(serial)
        path = fetching.fetch(url)
    for serial in (3, None):
        server.data = text(serial)
        with pytest.raises(IntegrityError, match="old edition") as refusal:
            fetching.fetch(url)
        assert str(path) in refusal.value.hint
    assert path.read_bytes() == text(4)
    assert fetching.fetch("https://other.example/registry.toml").read_bytes() == text(None)


def test_a_server_cannot_go_on_giving_what_has_expired(server: Reply) -> None:
    server.data = text(4, TODAY - timedelta(days=1))
    with pytest.raises(IntegrityError, match="expired"):
        fetching.fetch("https://lab.example/registry.toml")
