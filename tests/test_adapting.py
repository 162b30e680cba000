"""A pretrained autoencoder learns one's own images before what it knows is handed on."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import SHAPE, released, states_equal

import zoo
from zoo.cli import main
from zoo.config import from_plain
from zoo.errors import ConfigError
from zoo.registry.edit import add, update
from zoo.release.folder import read_manifest
from zoo.release.manifest import manifest_bytes
from zoo.training.api import open_run
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.pipeline import Outcome, run_recipe
from zoo.training.recipe import Recipe, read_recipe

SMALL = {"batch": 8, "checkpoint_every": 999, "sample_every": 999}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return released(tmp_path / "source")


def adapted(source: Path, images_file: Path, out: Path, **section: object) -> Outcome:
    plain = {
        "data": {"source": str(images_file), "shape": list(SHAPE)},
        "autoencoder": {"source": str(source), "training": {"images": 32, **SMALL}, **section},
        "transfer": {"strategy": "decoder-init"},
        "gan": {"training": {"images": 16, **SMALL}},
    }
    return run_recipe(from_plain(Recipe, plain, "test"), out)


def test_training_goes_on_from_the_releases_weights(source: Path, images_file: Path, tmp_path: Path) -> None:
    """The same as loading it and training it from Python, bit for bit."""
    done = adapted(source, images_file, tmp_path / "run")
    model = zoo.load(source).autoencoder
    by_hand = zoo.train(model, str(images_file), out=tmp_path / "by-hand", images=32, training=SMALL)
    assert done.autoencoder is not None
    assert states_equal(done.autoencoder.autoencoder, by_hand.autoencoder)
    assert not states_equal(done.autoencoder.autoencoder, zoo.load(source).autoencoder)


def test_a_release_says_what_its_autoencoder_began_as(source: Path, images_file: Path, tmp_path: Path) -> None:
    """The lineage names the release and how many images changed it, also for a run that was opened again."""
    done = adapted(source, images_file, tmp_path / "run")
    assert done.gan is not None
    manifest = done.gan.release(tmp_path / "release", license="CC0-1.0", name="dcgan.mine")
    assert manifest.lineage is not None
    assert manifest.lineage.source is not None
    assert (manifest.lineage.source.name, manifest.lineage.source.adapted) == ("dcgan.blobs", 32)
    assert "which then learnt 32 images" in (tmp_path / "release" / "README.md").read_text()
    opened = open_run(tmp_path / "run" / "autoencoder").autoencoder
    assert opened is not None
    assert opened.origin == manifest.lineage.source


def test_its_recipe_trains_the_same_again_and_refuses_another_release(
    source: Path, images_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = adapted(source, images_file, tmp_path / "run")
    assert first.autoencoder is not None
    recipe = read_recipe(tmp_path / "run" / "autoencoder" / "recipe.toml")
    registry = tmp_path / "registry.toml"
    monkeypatch.setenv("ZOO_REGISTRY", str(registry))
    _name(registry, source)
    update("dcgan.blobs", registry, str(released(tmp_path / "newer", version="1.0.1")))
    again = run_recipe(recipe, tmp_path / "again").autoencoder
    assert again is not None
    assert states_equal(again.autoencoder, first.autoencoder.autoencoder)
    other = released(tmp_path / "other")
    changed = replace(read_manifest(other), credits=("another",))
    (other / "zoo.json").write_bytes(manifest_bytes(changed))
    _name(registry, other)
    with pytest.raises(ConfigError, match="is not the release that this recipe began with"):
        run_recipe(recipe, tmp_path / "third")


def test_a_gan_of_another_shape_begins_with_an_autoencoder_that_learnt_in_its_own(
    source: Path, images_file: Path, tmp_path: Path
) -> None:
    """The grey 8 px autoencoder learns 8 px grey images; bridges bring it to colour."""
    words = ["transfer", str(source), "--data", str(images_file), "--adapt", "16", "--images", "8", "--batch", "8"]
    assert _zoo(*words, "--shape", "3,8,8", "--out", str(tmp_path / "mine")) == 0
    assert open_run(tmp_path / "mine-autoencoder").images.spec.shape == SHAPE
    assert open_run(tmp_path / "mine").gan.data.shape == (3, 8, 8)


def test_parts_that_are_not_the_sources_are_refused(source: Path, images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="whose encoder is another"):
        adapted(source, images_file, tmp_path / "run", encoder={"component": "dcgan", "config": {"width": 8}})
    assert not (tmp_path / "run").exists()


def _name(registry: Path, folder: Path) -> None:
    registry.unlink(missing_ok=True)
    add(str(folder), registry)


def test_the_command_trains_the_autoencoder_beside_the_run(
    source: Path, images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`zoo transfer --adapt`: the GAN's run is in --out, the autoencoder's beside it; a folder in use is refused first."""
    sets = [f"--set={key}={value}" for key, value in {**SMALL, "images": 16}.items()]
    words = ["transfer", str(source), "--data", str(images_file), "--adapt", "32", *sets, "--out"]
    assert _zoo(*words, str(tmp_path / "mine")) == 0
    assert open_run(tmp_path / "mine-autoencoder").shown == 32
    assert open_run(tmp_path / "mine").gan is not None
    assert f"zoo sample {tmp_path / 'mine'} -o" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "mine-autoencoder")
    assert _zoo(*words, str(tmp_path / "mine")) == 2
    assert not (tmp_path / "mine-autoencoder").exists(), "nothing is trained in vain"


def test_a_command_stopped_while_the_autoencoder_learns_goes_on_when_it_is_given_again(
    source: Path, images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C says so; it ends as if it had never been stopped, and another command is refused."""
    words = ["transfer", str(source), "--data", str(images_file), "--adapt", "96", "--images", "8", "--batch", "8"]
    words += ["--set", "sample_every=99"]
    assert _zoo(*words, "--out", str(tmp_path / "whole")) == 0
    step, steps = AutoencoderTrainer.step, iter(range(1))

    def stopped(self: AutoencoderTrainer, *given: object) -> object:
        if next(steps, None) is None:
            signal.raise_signal(signal.SIGINT)
        return step(self, *given)  # type: ignore[arg-type]

    out = tmp_path / "mine"
    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderTrainer, "step", stopped)
        assert _zoo(*words, "--out", str(out)) == 1
    assert "The checkpoint is written. Continue: give the same command again" in capsys.readouterr().err
    assert not out.exists()
    assert 0 < open_run(tmp_path / "mine-autoencoder").shown < 96
    assert _zoo(*words, "--seed", "1", "--out", str(out)) == 2
    assert "holds the autoencoder of another command: seed 0 -> 1" in capsys.readouterr().err
    assert _zoo(*words, "--out", str(out)) == 0
    assert states_equal(open_run(out).gan, open_run(tmp_path / "whole").gan)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--strategy", "decoder-int"], "there is no transfer 'decoder-int'"),
        (["--strategy", "gmm-prior+flow-prior"], "both fill"),
        (["--metric", "fidd"], "there is no metric 'fidd'\n  Known: efficientnet, inception, judge."),
        (["--generator", "nothing"], "there is no generator 'nothing'"),
    ],
)
def test_what_the_gan_would_be_refused_for_is_refused_before_the_autoencoder_learns(
    words: list[str],
    error: str,
    source: Path,
    images_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["transfer", str(source), "--data", str(images_file), "--adapt", "32", *words, "--out"]
    assert _zoo(*given, str(tmp_path / "mine")) != 0
    assert error in capsys.readouterr().err
    assert not (tmp_path / "mine-autoencoder").exists()


def _zoo(*words: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(words))
    return int(str(done.value.code or 0))
