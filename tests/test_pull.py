"""Pulling from the Hub with the real client: pinned, whole, once, and without a network afterwards."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Fault
from helpers import released
from loopback import FaultyServer, cli, client, environment, hf, hub, kill_at, run

from zoo.errors import IntegrityError
from zoo.release.folder import read_manifest, read_part, verify_files
from zoo.release.names import pin_of
from zoo.release.snapshots import snapshot_file

SAMPLES = """
import hashlib, sys, zoo
for name in sys.argv[1:]:
    print(hashlib.sha256(zoo.load(name).gan.sample(8, seed=0).numpy().tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release") / "dcgan.blobs")


@pytest.fixture(scope="module")
def uploaded(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a Hub keeps after the client's own command line has uploaded the release."""
    place = tmp_path_factory.mktemp("uploaded")
    with hub(place / "store") as running:
        env = environment(running.url, place / "hf")
        hf("upload", "ann/x", release, env=env)
    return place / "store"


@pytest.fixture
def server(uploaded: Path, tmp_path: Path) -> Iterator[FaultyServer]:
    shutil.copytree(uploaded, tmp_path / "store")
    with hub(tmp_path / "store") as running:
        yield running


@pytest.fixture
def env(server: FaultyServer, tmp_path: Path) -> dict[str, str]:
    return environment(server.url, tmp_path / "hf")


@pytest.fixture
def commit(server: FaultyServer) -> str:
    repository = server.hub.store.find("model", "ann/x")
    assert repository is not None
    return repository.head.id


def pulled(*words: str, env: dict[str, str]) -> Path:
    done = cli("pull", "--quiet", *words, env=env)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_a_pulled_release_samples_the_same_bit_for_bit(
    server: FaultyServer, commit: str, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """By an address without a revision and with one; `hf download` of what `hf upload` put there gives the same."""
    folder = pulled("hub:ann/x", env=env)
    assert folder.name == commit
    hf("download", "ann/x", "--local-dir", tmp_path / "plain", env=env)
    server.responses.clear()
    names = [f"hub:ann/x@{commit}", "hub:ann/x", str(folder), str(tmp_path / "plain")]
    for name in names[:3]:
        assert pulled(name, env=env) == folder
    samples = run([sys.executable, "-c", SAMPLES, str(release), *names], env).stdout.split()
    assert len(samples) == 5
    assert len(set(samples)) == 1
    assert not server.responses
    server.stop()
    for name in ("hub:ann/x", str(tmp_path / "plain")):
        assert cli("verify", name, env=env).returncode == 0


def test_a_registry_pins_what_is_pulled(commit: str, release: Path, env: dict[str, str], tmp_path: Path) -> None:
    manifest = read_manifest(release)
    pin = pin_of((release / "zoo.json").read_bytes())
    registry = Path(env["ZOO_CONFIG"]) / "registry.toml"
    registry.parent.mkdir(parents=True)
    for digest, code in ((pin, 0), ("sha256:" + "0" * 64, 1)):
        registry.write_text(
            f'format = 1\n[models."dcgan.blobs"]\nversion = "{manifest.version}"\nsource = "hub:ann/x@{commit}"\n'
            f'manifest = "{digest}"\nparts = ["autoencoder", "gan"]\ndata = {{ shape = [1, 8, 8] }}\n'
            f'code_shape = {list(manifest.code_shape)}\nlicense = "{manifest.license}"\n'
        )
        done = cli("pull", "dcgan.blobs", env=env)
        assert done.returncode == code, done.stderr
        shutil.rmtree(env["HF_HOME"] + "/hub")
    assert "pins sha256:000000000000" in done.stderr


def test_a_new_commit_is_not_seen_until_asked_for(server: FaultyServer, commit: str, env: dict[str, str]) -> None:
    first = pulled("hub:ann/x", env=env)
    client('api.upload_file(path_or_fileobj=b"x", path_in_repo="notes.txt", repo_id="ann/x"); result = 1', env)
    assert pulled("hub:ann/x", env=env) == first
    newer = pulled("hub:ann/x", "--refresh", env=env)
    assert newer != first
    assert not (newer / "notes.txt").exists()  # only what the manifest pins is taken


def test_a_server_that_is_no_hub_is_told_apart(env: dict[str, str], tmp_path: Path) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Anything)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    with server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for body in (b"<html>", b"[]", b'{"sha": "../../x", "siblings": []}', b'{"sha": 1, "siblings": {}}'):
            Anything.body = body
            done = cli("pull", "hub:ann/x", env={**env, "HF_ENDPOINT": address})
            assert done.returncode == 1
            assert "answer" in done.stderr
            assert len(done.stderr.strip().splitlines()) == 2, done.stderr
        Anything.body = b'[{"id": "ann/\\u001b[2Jx"}]'
        done = cli("search", env={**env, "HF_ENDPOINT": address})
        assert done.returncode == 1
        assert "answer" in done.stderr
        server.shutdown()


class Anything(http.server.BaseHTTPRequestHandler):
    """Answers everything with the same bytes."""

    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_without_a_network_the_error_says_how_to_get_it(env: dict[str, str]) -> None:
    for more, says in (({"HF_HUB_OFFLINE": "1"}, "switched off"), ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "reached")):
        done = cli("pull", f"hub:ann/x@{'a' * 40}", env={**env, **more})
        assert done.returncode == 1
        assert says in done.stderr
        assert len(done.stderr.strip().splitlines()) == 2
    done = cli("search", "x", env={**env, "HF_ENDPOINT": "http://127.0.0.1:9"})  # asked once, not for half a minute
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hub:ann/none", "no such repository"),
        ("hub:ann/x@none", "no such revision"),
        ("hub:ann/plain", "is not a release"),
        ("hub:ann", "not a repository"),
        ("hub:../x", "not a repository"),
        ("hub:ann/x@../../y", "not a revision"),
    ],
)
def test_what_cannot_be_pulled_is_one_line_and_a_hint(commit: str, env: dict[str, str], name: str, says: str) -> None:
    client('api.create_repo("ann/plain"); result = 1', env)
    done = cli("pull", name, env=env)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


def test_a_damaged_cache_is_found_and_can_be_repaired(commit: str, env: dict[str, str]) -> None:
    """The client itself would hand out the changed file without a word."""
    folder = pulled("hub:ann/x", env=env)
    weights = (folder / "generator.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    for words in (("verify", str(folder), "--files"), ("sample", "hub:ann/x", "-o", "x.png"), ("pull", "hub:ann/x")):
        done = cli(*words, env=env)
        assert done.returncode == 1, words
        assert "generator.safetensors has sha256" in done.stderr
    assert "zoo cache rm" in done.stderr
    assert cli("cache", "rm", "hub:ann/x", "--yes", env=env).returncode == 0
    assert pulled("hub:ann/x", env=env) == folder
    verify_files(folder, read_manifest(folder))


WITHOUT_XET = """
import importlib.metadata, sys, zoo.cli
real = importlib.metadata.version
def version(name):
    if name.replace("-", "_") == "hf_xet": raise importlib.metadata.PackageNotFoundError(name)
    return real(name)
importlib.metadata.version, sys.modules["hf_xet"] = version, None
from huggingface_hub.utils._runtime import is_xet_available
assert not is_xet_available()
zoo.cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize("xet", ["there", "switched off", "not installed"])
def test_pulling_needs_no_xet(commit: str, release: Path, env: dict[str, str], xet: str) -> None:
    """A Hub that does not offer it, as `zoo serve`, is asked for plain files, whatever the client has."""
    if xet != "switched off":
        del env["HF_HUB_DISABLE_XET"]
    start = ["-c", WITHOUT_XET] if xet == "not installed" else ["-m", "zoo"]
    done = run([sys.executable, *start, "pull", "-q", "hub:ann/x"], env)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.name == commit
    verify_files(folder, read_manifest(release))


def test_only_a_snapshots_links_into_its_own_blobs_are_followed(release: Path, tmp_path: Path) -> None:
    """The same links in any other folder, or to any other place, stay refused."""
    part = read_manifest(release).parts["generator"]
    repo = tmp_path / "models--ann--x"
    snapshot = repo / "snapshots" / ("a" * 40)
    for folder in (snapshot, repo / "blobs", tmp_path / "other" / "deep", tmp_path / "other" / "blobs"):
        folder.mkdir(parents=True)
    shutil.copy(release / part.file, repo / "blobs" / part.sha256)
    shutil.copy(release / part.file, tmp_path / "outside.safetensors")
    link = snapshot / part.file
    link.symlink_to(f"../../blobs/{part.sha256}")
    assert read_part(snapshot, part) == (release / part.file).read_bytes()
    for target in (
        "../../../outside.safetensors",
        str(repo / "blobs" / part.sha256),
        f"../../blobs/../blobs/{part.sha256}",
    ):
        link.unlink()
        link.symlink_to(target)
        with pytest.raises(IntegrityError, match="symbolic link"):
            read_part(snapshot, part)
    link.unlink()
    link.symlink_to(f"../../blobs/{part.sha256}")
    (repo / "blobs" / part.sha256).unlink()
    (repo / "blobs" / part.sha256).symlink_to(tmp_path / "outside.safetensors")
    with pytest.raises(IntegrityError, match="symbolic link"):
        read_part(snapshot, part)
    shutil.rmtree(repo / "blobs")
    (repo / "blobs").symlink_to(tmp_path)
    assert snapshot_file(snapshot, part.file) == link
    plain = tmp_path / "other" / "deep" / part.file
    plain.symlink_to(f"../../blobs/{part.sha256}")
    with pytest.raises(IntegrityError, match="symbolic link"):
        read_part(plain.parent, part)


FILE = r"GET .*generator\.safetensors"
FAULTS = [
    Fault(r"GET /api/models/ann/x/revision", "status", 1, 429, (("Retry-After", "1"),)),
    Fault(FILE, "cut", 1, at=0.5),
    Fault(FILE, "shorter"),
    Fault(FILE, "bytes", 1),
    Fault(r"GET .*zoo\.json", "bytes", 9, at=0.4),
    *(
        pytest.param(fault, marks=pytest.mark.long)
        for fault in (
            Fault(r"GET /api/models/ann/x/revision", "status", 9, 429),
            Fault(r"GET /api/models/ann/x/revision", "status", 9, 500),
            Fault(FILE, "status", 2, 429, (("Retry-After", "1"),)),
            Fault(FILE, "status", 2, 503),
            Fault(r"HEAD .*generator\.safetensors", "status", 1, 500),
            *(Fault(FILE, "cut", 1, at=tenth / 10) for tenth in (0, 1, 2, 3, 4, 6, 7, 8, 9)),
            Fault(FILE, "longer"),
            Fault(FILE, "bytes", 9),
            *(Fault(r"GET .*zoo\.json", "bytes", 9, at=tenth / 10) for tenth in range(10)),
            Fault(FILE, "stall", 1),
        )
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.on[-12:]}-{fault.times}-{fault.at}")
def test_every_fault_ends_in_success_or_one_clear_error(
    server: FaultyServer, commit: str, release: Path, env: dict[str, str], fault: Fault
) -> None:
    """And never in a wrong file: what is loaded afterwards is the release, bit for bit, or nothing."""
    server.faults.add(fault)
    done = cli("pull", "--quiet", f"hub:ann/x@{commit}", env={**env, "HF_HUB_DOWNLOAD_TIMEOUT": "1"})
    if done.returncode == 0:
        folder = Path(done.stdout.strip())
        for path in release.iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes()
    else:
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 2, done.stderr
        assert "bug" not in done.stderr
    server.faults.clear()
    folder = pulled(f"hub:ann/x@{commit}", env=env)
    verify_files(folder, read_manifest(folder))


def test_a_killed_pull_leaves_nothing_that_counts_as_a_release(
    server: FaultyServer, commit: str, env: dict[str, str]
) -> None:
    kill_at(server, FILE, [sys.executable, "-m", "zoo", "pull", "hub:ann/x"], env)
    done = cli("pull", f"hub:ann/x@{commit}", env={**env, "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 1
    assert "is not on this machine" in done.stderr
    assert [one["whole"] for one in json.loads(cli("cache", "ls", "--json", env=env).stdout)] == [False]
    folder = pulled("hub:ann/x", env=env)
    verify_files(folder, read_manifest(folder))


@pytest.mark.long
def test_eight_processes_pull_at_once(server: FaultyServer, commit: str, env: dict[str, str]) -> None:
    """All succeed, and the cache holds one copy of each file."""
    import subprocess

    command = [sys.executable, "-m", "zoo", "pull", "hub:ann/x", "--json"]
    running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 8
    assert {one["commit"] for one in told} == {commit}
    folder = Path(told[0]["folder"])
    blobs = list((folder.parent.parent / "blobs").iterdir())
    assert sorted(os.path.realpath(path) for path in folder.iterdir()) == sorted(map(str, blobs))
    assert cli("verify", str(folder), env=env).returncode == 0
