"""Whatever operation of the disk fails, or is the last one before a kill: no half file is seen, what was saved stays,
and the same command afterwards gives what an undisturbed one gives."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder
from registries import manifest
from storage_faults import FAULTS, KILLS, Disk, in_child

import zoo
from zoo._utils.hash_cache import hash_cache
from zoo.encoding import store as store_module
from zoo.encoding.codes import encode_images
from zoo.encoding.first_stage import for_images
from zoo.encoding.store import encoded_sets
from zoo.errors import ZooError
from zoo.registry.edit import add
from zoo.registry.fetch import fetch
from zoo.registry.file import read_registry
from zoo.release.folder import read_manifest, read_pinned, verify_files, write_release
from zoo.remote.address import Address
from zoo.remote.revisions import PulledRevision, read_revision, save_revision
from zoo.training import api as runs, checkpoint
from zoo.training.run_check import check_run
from zoo.training.run_dir import RunDirectory
from zoo.types import Metric

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="finds a descriptor's path there")

SMALL = {"batch": 16, "checkpoint_every": 16, "sample_every": 32}


@dataclass(frozen=True)
class Scenario:
    """`act` does in a folder what is disturbed, and again what a user does afterwards; `check` finds what is broken;
    `result` is what an undisturbed one gives. `prepare` fills the folder. An `optional` write may fail in silence. Where nothing is locked, a kill may leave
    hidden files (`leaves`): they could be another process's."""

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    check: Callable[[Path], object]
    result: Callable[[Path], object]
    optional: bool = False
    leaves: bool = False


class Figures:
    """Figures without a feature network."""

    space, extractor = None, "toy@0"

    def measure(self, samples: torch.Tensor) -> list[Metric]:
        return [Metric("kid", samples.double().mean().item(), len(samples), 9, "blobs", "held out", "toy@0")]


def prepare_images(folder: Path) -> None:
    np.savez(folder / "images.npz", images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), dtype="uint8"))


def train(folder: Path) -> None:
    """What a user does: begin, or continue where there is a checkpoint."""
    if checkpoint.all_checkpoints(folder / "run" / "checkpoints"):
        zoo.resume(folder / "run")
        return
    model = zoo.transfer(autoencoder("mlp", seed=3), strategy="decoder-init", data=str(folder / "images.npz"))
    evaluation = {"samples": 4, "every": 32}
    zoo.train(
        model, folder / "images.npz", out=folder / "run", images=48, training=SMALL, evaluation=evaluation, name="one"
    )


def check_training(folder: Path) -> None:
    run = folder / "run"
    if (run / "recipe.toml").exists():
        assert check_run(run).problems == ()


def trained(folder: Path) -> object:
    saved = checkpoint.load(checkpoint.latest_checkpoint(folder / "run" / "checkpoints"))
    names = sorted(str(path.relative_to(folder)) for path in (folder / "run").rglob("*"))
    plain = json.dumps({**vars(saved.state), "progress": None, "recipe": {**saved.state.recipe, "data": None}})
    record = [(line["kind"], line["shown"]) for line in RunDirectory(folder / "run").lines()]
    told = [event for event in record if event[0] not in ("start", "failed", "end", "warning")]
    warned = {event for event in record if event[0] == "warning"}  # better twice than never
    return plain, zoo.open_run(folder / "run").metrics, told, warned, names


def prepare_damaged(folder: Path) -> None:
    prepare_images(folder)
    train(folder)
    (checkpoint.latest_checkpoint(folder / "run" / "checkpoints") / "tensors.safetensors").write_bytes(b"")


def check_damaged(folder: Path) -> None:
    """The checkpoint before the damaged one is still there, or the one that replaced it."""
    saved, _ = checkpoint.latest_whole(folder / "run" / "checkpoints")
    assert saved.shown >= 32


def release(folder: Path) -> None:
    zoo.open_run(folder / "run").release(folder / "release", license="CC0-1.0", name="mlp.faults")


def prepare_run(folder: Path) -> None:
    prepare_images(folder)
    train(folder)


def check_release(folder: Path) -> None:
    if (folder / "release").exists():
        verify_files(folder / "release", read_manifest(folder / "release"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file()}


def released(folder: Path) -> dict[str, bytes]:
    return contents(folder / "release")


def prepare_registry(folder: Path) -> None:
    for name in ("mlp.first", "mlp.second"):
        write_release(folder / name, *manifest(name))
    add(str(folder / "mlp.first"), folder / "registry.toml")


def name_second(folder: Path) -> None:
    if "mlp.second" not in names(folder):
        add(str(folder / "mlp.second"), folder / "registry.toml")


def names(folder: Path) -> list[str]:
    return [entry.name for entry in read_registry(folder / "registry.toml")]


def check_registry(folder: Path) -> None:
    assert names(folder) in (["mlp.first"], ["mlp.first", "mlp.second"])


def encode(folder: Path) -> Any:
    images = zoo.open_images(folder / "images.npz")
    part = {"component": "spatial", "config": {"factor": 2, "width": 4}}
    first = zoo.autoencoder(part, part, shape=(1, 8, 8), code_shape=(3, 4, 4), seed=0).eval()
    return encode_images(images, for_images(first, images.spec))[0]


def prepare_many(folder: Path) -> None:
    np.savez(folder / "images.npz", images=np.random.default_rng(0).integers(0, 255, (150, 8, 8), dtype="uint8"))


def check_encoded(folder: Path) -> None:
    from zoo._utils.files import hash_file

    for one in encoded_sets():
        for number, digest in enumerate(one.facts.files):
            assert hash_file(one.folder / f"codes-{number:05d}.safetensors")[0] == digest


def prepare_release(folder: Path) -> None:
    write_release(folder / "release", *manifest())
    for path in (folder / "release").iterdir():
        os.utime(path, (1, 1))


def read_with_cache(folder: Path) -> None:
    found = read_manifest(folder / "release")
    with hash_cache(folder / "release") as hashes:
        for name, entry in found.pinned.items():
            read_pinned(folder / "release", name, entry, hashes)


def check_hashes(folder: Path) -> None:
    for path in (folder / "cache").rglob("[!.]*.json"):
        json.loads(path.read_bytes())


ADDRESS = Address("ann/x", "main")
REVISION = PulledRevision("https://huggingface.co", "ann/x", "main", "1" * 40, "sha256:" + "2" * 64)


def check_revision(folder: Path) -> None:
    assert read_revision(ADDRESS) in (None, REVISION)
    check_hashes(folder)


URL = "https://lab.example/registry.toml"


def prepare_fetched(folder: Path) -> None:
    (folder / "remote.toml").write_text("format = 1\n")
    shutil.copy(folder / "remote.toml", fetch(URL))
    (folder / "remote.toml").write_text("format = 1\n[models]\n")


def check_fetched(folder: Path) -> None:
    (path,) = (folder / "cache" / "registries").glob("[!.]*")
    assert path.read_text() in ("format = 1\n", "format = 1\n[models]\n")


SCENARIOS = {
    "a run": Scenario(prepare_images, train, check_training, trained),
    "a run with a damaged checkpoint": Scenario(prepare_damaged, train, check_damaged, trained),
    "a release": Scenario(prepare_run, release, check_release, released, leaves=True),
    "a registry": Scenario(prepare_registry, name_second, check_registry, names),
    "an encoded set": Scenario(prepare_many, encode, check_encoded, lambda folder: encode(folder).sha256),
    "the cache of hashes": Scenario(
        prepare_release, read_with_cache, check_hashes, lambda folder: None, optional=True, leaves=True
    ),
    "a pulled revision": Scenario(
        lambda folder: None,
        lambda folder: save_revision(REVISION),
        check_revision,
        lambda folder: read_revision(ADDRESS),
        leaves=True,
    ),
    "a fetched registry": Scenario(
        prepare_fetched,
        lambda folder: fetch(URL),
        check_fetched,
        lambda folder: contents(folder / "cache"),
        leaves=True,
    ),
}


class Trial:
    """A scenario with its folder as it is prepared, what is done there, and what that gives."""

    def __init__(self, name: str, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.scenario, self.place, self.patch = SCENARIOS[name], place, patch
        patch.setattr(runs, "reference", lambda images, metric, device: Figures())
        patch.setattr("zoo._utils.hash_cache._MIN_AGE", 0)
        patch.setattr(store_module, "_FILE_BYTES", 0)  # a file has 64 rows
        patch.setattr("urllib.request.urlopen", lambda url, timeout: (place / "now" / "remote.toml").open("rb"))
        self.begin()
        self.scenario.prepare(place / "now")
        (place / "now").rename(place / "prepared")
        disk = Disk(self.begin())
        with disk.watched():
            self.scenario.act(place / "now")
        self.operations, self.wanted = disk.operations, self.scenario.result(place / "now")

    def begin(self) -> Path:
        """A new folder as it is prepared, always at one place, which recipes and caches name."""
        now = self.place / "now"
        shutil.rmtree(now, ignore_errors=True)
        if (self.place / "prepared").exists():
            shutil.copytree(self.place / "prepared", now)
        else:
            now.mkdir()
        self.patch.setenv("ZOO_CACHE", str(now / "cache"))
        return now

    def disturb(self, kind: str, at: int) -> None:
        """Do it with a fault, look, and do it again."""
        now, scenario = self.begin(), self.scenario
        disk = Disk(now, kind, at)

        def act() -> None:
            with disk.watched():
                scenario.act(now)

        if kind in KILLS:
            assert in_child(act) == signal.SIGKILL
        else:
            with nullcontext() if scenario.optional else suppress(ZooError):
                act()
            assert disk.failed
        scenario.check(now)
        scenario.act(now)
        scenario.check(now)
        assert scenario.result(now) == self.wanted
        left = list(now.rglob("*.partial"))
        assert all(path.name.startswith(".") for path in left), "a half file is never seen"
        assert scenario.leaves or not left, "what a kill leaves is removed"

    def faults(self) -> list[tuple[str, int]]:
        """Every fault of every operation."""
        numbered = list(enumerate(self.operations, 1))
        return [(kind, at) for kind in FAULTS for at, name in numbered if kind != "torn" or name.startswith("write")]


@pytest.fixture
def trial(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    return Trial(request.param, tmp_path, monkeypatch)


def disturb(trial: Trial, faults: list[tuple[str, int]]) -> None:
    wrong = []
    for kind, at in faults:
        try:
            trial.disturb(kind, at)
        except Exception as error:
            wrong.append(f"{kind} at {at}, {trial.operations[at - 1]}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("trial", SCENARIOS, indirect=True)
def test_a_fault_here_and_there_loses_nothing_that_was_saved(trial: Trial) -> None:
    """One of each kind, spread over the operations."""
    faults = trial.faults()
    disturb(trial, faults[3 :: len(faults) // 5 + 1])


@pytest.mark.long
@pytest.mark.parametrize("trial", SCENARIOS, indirect=True)
def test_every_fault_at_every_operation_loses_nothing_that_was_saved(trial: Trial) -> None:
    faults = trial.faults()
    disturb(trial, faults)
    print(f"{len(trial.operations)} operations, {len(faults)} faults: every one happened, none was wrong")
