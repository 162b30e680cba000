"""What cannot be trained in a recipe is refused before its autoencoder is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.training.loop import TrainingLoop
from zoo.training.pipeline import run_recipe
from zoo.training.recipe import recipe_from_plain

ENCODER = {"component": "mlp", "config": {"widths": [24, 16]}}
DECODER = {"component": "mlp", "config": {"widths": [16, 24]}}
CONSISTENT = {"component": "core/consistency", "config": {"augment": "nonsense"}}
PARTS = {"generator": DECODER, "discriminator": ENCODER, "code_shape": [6]}
SMALL = {"images": 32, "batch": 16}


class Began(Exception):
    """Training began."""


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(self: TrainingLoop) -> int:
        raise Began

    monkeypatch.setattr(TrainingLoop, "run", begin)


def run(data: Path, out: Path, sections: dict[str, Any]) -> None:
    """A recipe that trains an autoencoder, then a GAN from it, with some sections changed."""
    plain: dict[str, Any] = {
        "data": {"source": str(data)},
        "autoencoder": {"encoder": ENCODER, "decoder": DECODER, "code_shape": [6], "training": SMALL},
        "transfer": {"strategy": "decoder-init"},
        "gan": {"training": SMALL},
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section} if section is not None else None
    run_recipe(recipe_from_plain({key: value for key, value in plain.items() if value is not None}, "test"), out)


def training(**settings: Any) -> dict[str, Any]:
    return {"gan": {"training": SMALL | settings}}


IMAGES = {
    "an autoencoder's objective": (training(objective="core/vae"), "does not train GANs"),
    "a penalty's augmentation": (training(regulariser=CONSISTENT), "'nonsense' is unknown"),
    "a task of codes": (
        {**training(augment="translation"), "transfer": {"strategy": "latent-gan"}},
        "discriminator sees codes",
    ),
    "a batch in parts": (
        {**training(batch=8), "engine": {"accumulate": 16}},
        "a batch of 8 cannot be cut into 16 equal parts",
    ),
    "a grid of nothing": ({"generate": {"count": 0}}, "count 0 must be positive"),
    "a verdict on nothing": ({"discriminate": {"count": -5}}, "count -5 must be positive"),
    "a GAN of its own": (
        {"transfer": None, "gan": {**PARTS, "generator": {"component": "mlp", "config": {"width": 4}}}},
        "has no setting 'width'",
    ),
    "its objective": (
        {"transfer": None, "gan": {**PARTS, "training": SMALL | {"objective": "core/vae"}}},
        "does not train GANs",
    ),
    "a source that is not there": (
        {"transfer": {"source": "nothing.here", "strategy": "decoder-init"}},
        "nothing.here",
    ),
}
VECTORS = {
    "augmented vectors": (training(augment="cutout"), "augmentation is for images"),
    "a penalty on augmented vectors": (training(regulariser="core/consistency"), "is for images"),
    "a metric of images": ({"evaluation": {"metric": "judge"}}, "measures image data"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_what_the_gan_cannot_be_trained_with_is_refused_first(name: str, images_file: Path, tmp_path: Path) -> None:
    sections, says = IMAGES[name]
    with pytest.raises(ZooError, match=says):
        run(images_file, tmp_path / "out", sections)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", VECTORS)
def test_what_is_for_images_alone_is_refused_first_for_vectors(name: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "vectors.npz", images=np.random.default_rng(0).random((64, 9)))
    sections, says = VECTORS[name]
    with pytest.raises(ZooError, match=says):
        run(tmp_path / "vectors.npz", tmp_path / "out", sections)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "sections",
    [{}, {"transfer": {"strategy": "auto"}}, {"transfer": None, "gan": {**PARTS, "training": SMALL}}],
    ids=["transfer", "auto", "scratch"],
)
def test_what_can_be_trained_begins(sections: dict[str, Any], images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(Began):
        run(images_file, tmp_path / "out", sections)


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"transfer": {"strategy": "decoder-inti"}}, "decoder-inti"),
        (training(objective="core/hinge-ish"), "hinge-ish"),
        (training(augment="nonsense"), "nonsense"),
        ({"evaluation": {"metric": "no-judge"}}, "no-judge"),
    ],
)
def test_a_wrong_name_is_refused_before_an_image_is_opened(tmp_path: Path, sections: dict[str, Any], says: str) -> None:
    with pytest.raises(ZooError, match=says):
        run(tmp_path / "no-such-images", tmp_path / "run", sections)
