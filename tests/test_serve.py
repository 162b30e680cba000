"""A folder of releases as a Hub, and what is in the cache afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import released
from loopback import cli, client, environment, hf, push
from zoo_serve.folder import open_folder
from zoo_serve.server import Server

from zoo.errors import ConfigError, IntegrityError, RemoteError


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "lab"
    released(folder / "dcgan.blobs")
    return folder


@pytest.fixture
def server(releases: Path) -> Iterator[Server]:
    with open_folder(releases, port=0)[0] as running:
        running.verbose = False
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    return environment(server.url, tmp_path / "hf")


def test_a_folder_can_be_pulled_searched_and_downloaded_and_not_changed(
    releases: Path, env: dict[str, str], tmp_path: Path
) -> None:
    release = releases / "dcgan.blobs"
    for address in ("hub:lab/dcgan.blobs", "hub:lab/dcgan.blobs@v1.0.0"):
        folder = Path(cli("pull", "-q", address, env=env).stdout.strip())
        for path in release.iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes()
    assert cli("search", "BLOBS", "-q", env=env).stdout.strip() == "hub:lab/dcgan.blobs"
    assert cli("search", "nothing", "-q", env=env).stdout == ""
    (found,) = json.loads(cli("search", "blobs", "--json", env=env).stdout)
    assert (found["shape"], found["code_shape"], found["plugins"]) == ([1, 8, 8], [6], ["zoo-dcgan"])
    assert found["license"] == "cc0-1.0"
    hf("download", "lab/dcgan.blobs", "--local-dir", tmp_path / "other", env=env)
    assert (tmp_path / "other" / "zoo.json").read_bytes() == (release / "zoo.json").read_bytes()
    done = push(str(release), "lab/new", env=env)
    assert done.returncode == 1
    assert "read-only" in done.stderr
    assert "zoo serve FOLDER --allow-push" in done.stderr


def test_the_cache_lists_checks_and_removes_releases_and_nothing_else(env: dict[str, str], server: Server) -> None:
    folder = Path(cli("pull", "-q", "hub:lab/dcgan.blobs", env=env).stdout.strip())
    other = folder.parents[2] / "models--org--other" / "snapshots" / ("a" * 40)
    other.mkdir(parents=True)
    (other / "config.json").write_text("{}")
    (only,) = json.loads(cli("cache", "ls", "--json", env=env).stdout)
    assert (only["name"], only["version"], only["folder"]) == ("dcgan.blobs", "1.0.0", str(folder))
    assert cli("cache", "verify", env=env).returncode == 0
    weights = (folder / "encoder.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    broken = cli("cache", "verify", env=env)
    assert broken.returncode == 1
    assert "encoder.safetensors has sha256" in broken.stdout
    assert cli("cache", "rm", "hub:lab/dcgan.blobs", "--dry-run", env=env).returncode == 0
    assert folder.exists()
    assert cli("cache", "rm", "hub:lab/dcgan.blobs", env=env).returncode == 1  # nobody answers the question
    assert folder.exists()
    assert cli("cache", "rm", "dcgan.blobs", "--yes", env=env).returncode == 0
    assert not folder.exists()
    assert other.exists()
    assert cli("cache", "rm", "dcgan.blobs", "--yes", env=env).returncode == 2
    assert cli("pull", "-q", "hub:lab/dcgan.blobs", env=env).returncode == 0


def test_pushing_needs_the_servers_token(releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pushed is there after a restart; what the folder holds cannot be replaced."""
    monkeypatch.setenv("ZOO_SERVE_TOKEN", "hf_test_lab_0001")
    served = tmp_path / "served"
    shutil.copytree(releases, served / "lab")
    server, token = open_folder(served, port=0, allow_push=True)
    with server:
        env = environment(server.url, tmp_path / "hf", token)
        release = str(releases / "dcgan.blobs")
        assert "token" in push(release, "lab/new", env={**env, "HF_TOKEN": "hf_test_wrong"}).stderr
        assert "cannot be changed" in client(
            """
try: api.upload_file(path_or_fileobj=b"x", path_in_repo="a", repo_id="lab/dcgan.blobs")
except Exception as error: result = str(error)
""",
            env,
        )
        assert push(release, "lab/new", env=env).returncode == 0
    with open_folder(served, port=0, allow_push=True)[0] as again:
        env = environment(again.url, tmp_path / "hf2", token)
        assert cli("pull", "-q", "hub:lab/new", env=env).returncode == 0


def test_another_address_than_this_machines_needs_a_token(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no token is set"):
        open_folder(releases, "0.0.0.0", 0)
    monkeypatch.setenv("ZOO_SERVE_TOKEN", "secret")
    with pytest.raises(ConfigError, match="not a token"):
        open_folder(releases, port=0)
    monkeypatch.delenv("ZOO_SERVE_TOKEN")
    server, _ = open_folder(releases, port=0)
    with pytest.raises(RemoteError, match="cannot listen"):
        open_folder(releases, port=int(server.server_address[1]))
    server.stop()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM)])
def test_the_command_ends_when_it_is_told_to(releases: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "zoo", "serve", str(releases), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        assert urllib.request.urlopen(f"{address}/api/models", timeout=20).status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors


def test_a_damaged_release_is_not_served(releases: Path, tmp_path: Path) -> None:
    shutil.copytree(releases, tmp_path / "lab")
    (tmp_path / "lab" / "dcgan.blobs" / "prior.safetensors").write_bytes(b"x")
    with pytest.raises(IntegrityError):
        open_folder(tmp_path / "lab", port=0)
