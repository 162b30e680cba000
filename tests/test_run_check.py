"""`zoo runs check` finds whatever is damaged or missing in a run's folder, and nothing in a whole one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import autoencoder

import zoo
from zoo.cli import main
from zoo.training.run_check import check_run

SMALL = {"batch": 16, "checkpoint_every": 16, "sample_every": 16}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a transfer, without its images: what they were is in its folder."""
    place = tmp_path_factory.mktemp("finished")
    data = place / "images.npz"
    np.savez(data, images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), dtype="uint8"))
    torch.set_num_threads(1)  # as in the tests: this is made before the first one
    model = zoo.transfer(autoencoder("mlp", seed=3), strategy="decoder-init", data=str(data))
    zoo.train(model, data, out=place / "run", images=32, training=SMALL)
    data.unlink()
    return place / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run to damage."""
    return shutil.copytree(finished, tmp_path / "run")


FILES = [
    "recipe.toml",
    "events.jsonl",
    "source.safetensors",
    "report.json",
    "data.json",
    "held_out.safetensors",
    "checkpoints/000000000016/state.json",
    "checkpoints/000000000032/tensors.safetensors",
]


def check(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The exit code, and the files that are named."""
    with pytest.raises(SystemExit) as done:
        main(["runs", "check", str(run), "--json"])
    told = json.loads(capsys.readouterr().out)
    return int(done.value.code or 0), [problem["file"] for problem in told["problems"]]


def test_nothing_is_wrong_with_a_whole_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked = check_run(run)
    assert (checked.checkpoints, checked.problems) == (2, ())
    with pytest.raises(SystemExit) as done:
        main(["runs", "check", str(run)])
    assert not done.value.code
    assert f"2 checkpoints and {checked.events} events; nothing is wrong" in capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray((run / name).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2] = b"\n\0"
    (run / name).write_bytes(data)
    code, named = check(run, capsys)
    assert code == 1
    assert len(named) == 1
    assert name.startswith(named[0]) or name == "data.json"  # which lies beside the held-out images


@pytest.mark.parametrize("name", [*FILES[1:], "samples/000000000016.png", "checkpoints/000000000032"])
def test_a_missing_file_is_named(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shutil.rmtree if (run / name).is_dir() else Path.unlink)(run / name)
    code, named = check(run, capsys)
    assert code == 1
    assert len(named) == 1
    assert name.startswith(named[0]) or name == "data.json"


def test_a_source_of_other_weights_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from zoo._utils.tensors import pack

    (run / "source.safetensors").write_bytes(pack(autoencoder("mlp", seed=4).state_dict(), {}))
    assert check(run, capsys) == (1, ["source.safetensors"])


def test_a_folder_without_a_run_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["runs", "check", str(tmp_path)])
    assert done.value.code == 2
    assert "holds no run" in capsys.readouterr().err
