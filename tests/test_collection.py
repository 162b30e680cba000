"""Many releases in one namespace of the Hub, by one command that goes on after an interruption."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import Fault
from helpers import released
from loopback import ANN, BOB, READER, FaultyServer, cli, environment, hub
from zoo_serve.store import Store

from zoo.registry.parsed import read_registry

NAMES = ("dcgan.blobs", "dcgan.others", "mlp.third")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyServer]:
    with hub(tmp_path / "store") as running:
        yield running


@pytest.fixture
def env(server: FaultyServer, tmp_path: Path) -> dict[str, str]:
    """A user whose registry names three releases, and nothing else."""
    made = environment(server.url, tmp_path / "hf")
    made |= {"ZOO_DISABLE_PLUGINS": "starter,spatial", "HF_HUB_DISABLE_XET": "1"}
    for name in NAMES:
        named = cli("registry", "add", str(released(tmp_path / name, name=name)), env=made)
        assert named.returncode == 0, named.stderr
    return made


def status(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def slugs(server: FaultyServer) -> dict[str, tuple[str, ...]]:
    collections = server.hub.store.collections
    return {slug: collection.items for slug, collection in collections._all.items()}


def test_all_named_releases_are_published_and_collected_once(
    server: FaultyServer, env: dict[str, str], tmp_path: Path
) -> None:
    planned = cli("collection", "push", "ann", "--dry-run", env=env)
    assert planned.returncode == 0, planned.stderr
    assert all(f"ann/{name}" in planned.stdout for name in NAMES)
    assert not server.responses
    registry = tmp_path / "published.toml"
    words = ("collection", "push", "ann", "--registry", str(registry), "--title", "Our Zoo!")
    first = cli(*words, "--json", env=env)
    assert first.returncode == 0, first.stderr
    facts = json.loads(first.stdout)
    assert [one["repo"] for one in facts["releases"]] == [f"ann/{name}" for name in NAMES]
    (slug,) = slugs(server)
    assert facts["collection"] == f"{server.url}/collections/{slug}"
    assert slugs(server)[slug] == tuple(f"ann/{name}" for name in NAMES)
    again = cli(*words, env=env)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("was published already") == 3
    assert len(slugs(server)) == 1
    assert {entry.source for entry in read_registry(registry)} == {
        f"hub:{one['repo']}@{one['commit']}" for one in facts["releases"]
    }
    assert Store(tmp_path / "store").collections.find(slug) == server.hub.store.collections.find(slug)  # on disk
    stranger = environment(server.url, tmp_path / "empty", READER)
    pulled = cli("--registry", str(registry), "pull", "mlp.third", env=stranger)
    assert pulled.returncode == 0, pulled.stderr


def test_one_that_fails_keeps_no_other_back_and_the_next_time_goes_on(
    server: FaultyServer, env: dict[str, str], tmp_path: Path
) -> None:
    card = tmp_path / "dcgan.others" / "README.md"
    whole = card.read_bytes()
    card.write_bytes(whole + b" ")
    done = cli("collection", "push", "ann", env=env)
    assert done.returncode == 1
    assert "ann/dcgan.others: " in done.stdout
    (items,) = slugs(server).values()
    assert items == ("ann/dcgan.blobs", "ann/mlp.third")
    card.write_bytes(whole)
    done = cli("collection", "push", "ann", env=env)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("was published already") == 2
    (items,) = slugs(server).values()
    assert sorted(items) == [f"ann/{name}" for name in NAMES]


def test_a_busy_hub_is_asked_again_for_the_collection(server: FaultyServer, env: dict[str, str]) -> None:
    server.faults.add(Fault("POST /api/collections$", "status", status=503))
    done = cli("collection", "push", "ann", "dcgan.blobs", env=env)
    assert done.returncode == 0, done.stderr
    assert list(slugs(server).values()) == [("ann/dcgan.blobs",)]


def test_another_namespace_or_a_pattern_of_nothing_is_an_error(env: dict[str, str]) -> None:
    other = cli("collection", "push", "bob", "dcgan.blobs", env=env)
    assert other.returncode == 1
    assert "bob/dcgan.blobs: " in other.stdout
    assert "Nothing was published" in other.stdout
    nothing = cli("collection", "push", "ann", "x.*", env=env)
    assert nothing.returncode == 2
    assert "no release of this machine matches 'x.*'" in nothing.stderr
    odd = cli("collection", "push", "../ann", env=env)
    assert odd.returncode in (1, 2)
    assert "error: " in odd.stderr


def test_a_private_collection_is_its_owners_alone(server: FaultyServer, env: dict[str, str]) -> None:
    done = cli("collection", "push", "ann", "mlp.*", "--private", env=env)
    assert done.returncode == 0, done.stderr
    (slug,) = slugs(server)
    assert [status(f"{server.url}/api/collections/{slug}", token) for token in (ANN, BOB, "")] == [200, 404, 404]
