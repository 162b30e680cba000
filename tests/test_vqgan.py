"""VQGAN's recipe: what each network minimises, the adaptive weight, the start of the discriminator, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder, states_equal
from torch import Tensor, nn
from zoo_spatial.adaptive import adaptive_weight, last_weight
from zoo_spatial.config import PatchConfig
from zoo_spatial.discriminator import PatchDiscriminator
from zoo_spatial.objective import Vqgan, unit_feature_distance

import zoo
from zoo import plugins
from zoo.errors import CompositionError, ConfigError, UnknownName, ZooError
from zoo.training import checkpoint
from zoo.training.autoencoder import check_objective
from zoo.training.recipe import read_recipe
from zoo.training.recipe_models import compose_autoencoder
from zoo.types import DataSpec, Event, PartSpec

PATCH = {"component": "patch", "config": {"layers": 1, "width": 4}}
FEATURES = {"component": "dcgan", "config": {"width": 4}}


def objective(**settings: Any) -> PartSpec:
    return PartSpec("vqgan", {"encoder": FEATURES, "discriminator": PATCH, "start": 0, **settings})


def prepared(model: zoo.networks.autoencoder.Autoencoder, **settings: Any) -> Vqgan:
    """In float64, with a discriminator that is no longer a fresh one: its logits are not near 0."""
    built: Vqgan = plugins.build("objective", objective(**settings))
    built.prepare(model, 100)
    with torch.no_grad():
        for weight in built.parameters():
            weight.mul_(5.0)
    return built.double()


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_at_the_last_layer() -> None:
    """Written out for y = h W^T, in numpy."""
    x, h, v = (np.random.default_rng(i).normal(size=size) for i, size in enumerate([(7, 3), (7, 4), (3,)]))
    weight = torch.tensor(np.random.default_rng(9).normal(size=(3, 4)), requires_grad=True)
    y = torch.tensor(h) @ weight.T
    error, logits = (y - torch.tensor(x)).square().mean(), (y @ torch.tensor(v)).mean()
    found = adaptive_weight(error, -logits, weight)
    from_error = 2 / x.size * (h @ weight.detach().numpy().T - x).T @ h
    from_logits = -np.outer(v, h.mean(0))
    assert found.item() == pytest.approx(np.linalg.norm(from_error) / (np.linalg.norm(from_logits) + 1e-4), rel=1e-9)
    assert not found.requires_grad
    assert adaptive_weight(error, 0 * logits, weight).item() == pytest.approx(
        min(1e4, np.linalg.norm(from_error) / 1e-4), rel=1e-9
    )
    assert adaptive_weight(100 * error, 0 * logits, weight).item() == 1e4


class Turned(nn.Module):
    """The layer that is used last is registered first."""

    code_shape = (2,)

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.Linear(2, 3)

    def forward(self, z: Tensor) -> Tensor:
        return self.last(self.first(z))


def test_the_last_layer_is_the_one_that_is_used_last() -> None:
    assert last_weight(Turned()) == "last.parametrizations.weight.original"  # type: ignore[arg-type]
    assert last_weight(autoencoder("mlp").decoder) == "rest.3.weight"
    with pytest.raises(CompositionError, match="no weight"):
        last_weight(Scaled())  # type: ignore[arg-type]


class Scaled(nn.BatchNorm1d):
    """No weight has two axes."""

    code_shape = (2,)

    def __init__(self) -> None:
        super().__init__(2)


@pytest.mark.parametrize("bottleneck", ["gaussian", "linear"])
def test_each_network_minimises_its_own_loss(bottleneck: str) -> None:
    """Against autograd, each loss alone: one backward pass gives the autoencoder the gradient of errors, KL and the
    weighed adversary, and the discriminator that of its hinge loss."""
    model, x = autoencoder("mlp", bottleneck=bottleneck).double(), torch.rand(5, 1, 8, 8).double()
    settings = {"absolute": 0.7, "squared": 1.3, "perceptual": 0.4, "adversary": 0.6, "beta": 2.0}
    built = prepared(model, **settings)
    losses = built.loss(model, x, rng(), 0)
    losses.total.backward()
    discriminate, encoder = built.discriminator, built.encoder
    assert discriminate is not None
    assert encoder is not None

    mean, logvar = model.posterior(x)
    noise = torch.randn(5, 6, generator=rng())
    y = model.decoder(mean if logvar is None else mean + (0.5 * logvar).exp() * noise)
    error = 0.7 * (x - y).abs().mean() + 1.3 * (x - y).square().mean()
    stages = zip(encoder.features(x).stages, encoder.features(y).stages, strict=True)
    error = error + 0.4 * torch.stack([unit_distance(a, b) for a, b in stages]).mean()
    adversary = -discriminate(y).mean()
    last = model.decoder.get_parameter("rest.3.weight")
    norms = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (error, adversary)]
    total = error + 0.6 * norms[0] / (norms[1] + 1e-4) * adversary
    if logvar is not None:
        total = total + 2.0 * 0.5 * (mean.square() + logvar.exp() - logvar - 1).sum(1).mean() / 64
    hinge = (1 - discriminate(x)).clamp(min=0).mean() + (1 + discriminate(y.detach())).clamp(min=0).mean()
    assert losses.total.item() == pytest.approx((total + hinge).item(), rel=1e-6)
    for loss, net in ((total, model), (hinge, discriminate)):
        weights = list(net.parameters())
        for weight, wanted in zip(weights, torch.autograd.grad(loss, weights, retain_graph=True), strict=True):
            torch.testing.assert_close(weight.grad, wanted, rtol=1e-4, atol=1e-7)
    assert all(weight.grad is None for weight in encoder.parameters())


def unit_distance(a: Tensor, b: Tensor) -> Tensor:
    a, b = (side / side.square().sum(1, keepdim=True).sqrt() for side in (a, b))
    return (a - b).square().sum(1).mean()


def test_features_are_compared_in_direction_alone() -> None:
    """Of one place 0 for equal directions, 2 for orthogonal ones, 4 for opposite ones; averaged over places, images and
    stages."""
    one = torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    two = torch.tensor([[9.0, 0.0], [0.0, 2.0]])
    assert unit_feature_distance([one], [two]).item() == pytest.approx((0 + 2) / 2)
    assert unit_feature_distance([one, one], [two, -one]).item() == pytest.approx((1 + 4) / 2)


def test_before_its_start_the_discriminator_has_no_part() -> None:
    model, x = autoencoder("mlp"), torch.rand(5, 1, 8, 8)
    built: Vqgan = plugins.build("objective", objective(start=50))
    built.prepare(model, 100)
    before, after = (built.loss(model, x, rng(), shown) for shown in (49, 50))
    assert {*after.parts} - {*before.parts} == {"adversary", "adaptive", "critic"}
    assert torch.equal(before.parts["mse"], after.parts["mse"])
    before.total.backward()
    assert built.discriminator is not None
    assert all(weight.grad is None for weight in built.discriminator.parameters())
    off: Vqgan = plugins.build("objective", objective(adversary=0.0, start=10**9))
    off.prepare(model, 100)
    assert torch.equal(off.loss(model, x, rng(), 60).total, before.total)
    assert off.discriminator is None


@pytest.mark.parametrize("cut", [32, 48])
def test_a_run_goes_on_bit_for_bit_from_before_the_start_and_from_after_it(
    cut: int, images_file: Path, tmp_path: Path
) -> None:
    """The discriminator starts after 40 images; its weights and its optimizer's state are part of the checkpoint."""
    training = {"objective": objective(start=40), "batch": 8, "checkpoint_every": 16, "images": 80}

    def stop(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown == cut:
            raise InterruptedError

    whole = zoo.train(autoencoder(), str(images_file), out=tmp_path / "whole", training=training)
    with pytest.raises(InterruptedError):
        zoo.train(autoencoder(), str(images_file), out=tmp_path / "cut", training=training, watch=[stop])
    resumed = zoo.resume(tmp_path / "cut")
    assert states_equal(whole.autoencoder, resumed.autoencoder)
    ends = [
        checkpoint.load(checkpoint.latest_checkpoint(tmp_path / run / "checkpoints"))[1] for run in ("whole", "cut")
    ]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    assert any(name.startswith("modules.objective.discriminator.") for name in ends[0])
    steps = {int(value) for name, value in ends[0].items() if name.endswith(".step")}
    assert steps == {10, 5}, "the optimizer's steps of the autoencoder, and of the discriminator"


def test_a_release_holds_the_autoencoder_alone(images_file: Path, tmp_path: Path) -> None:
    training = {"objective": objective(), "batch": 8, "images": 16}
    run = zoo.train(autoencoder(), str(images_file), out=tmp_path / "run", training=training)
    manifest = run.release(tmp_path / "release", license="MIT")
    assert {*manifest.parts} == {"encoder", "bottleneck", "decoder"}
    loaded = zoo.load(tmp_path / "release").autoencoder
    assert loaded is not None
    assert states_equal(loaded, run.autoencoder)
    kept = read_recipe(tmp_path / "release" / "recipe.toml").training.objective.config  # type: ignore[union-attr]
    assert kept["discriminator"] == {"component": "spatial/patch", "config": {"width": 4, "layers": 1}}
    assert kept["encoder"]["component"] == "dcgan/dcgan"
    assert len(kept["encoder"]["config"]) > len(FEATURES["config"]), "every setting is written out"


def test_the_frozen_encoder_is_pinned_by_its_digest_and_does_not_move(tmp_path: Path) -> None:
    from zoo_efficientnet import weights

    net = PartSpec("spatial", {"width": 4})
    images = zoo.open_images("emoji-noto64", shape=(3, 16, 16), limit=40)
    model = zoo.autoencoder(net, net, data=images.spec, code_shape=(2, 4, 4))
    spec = objective(encoder={"component": "efficientnet"}, start=8)
    run = zoo.train(model, images, out=tmp_path / "run", training={"objective": spec, "batch": 8, "images": 16})
    assert run.recipe.pretrained == (weights.ORIGIN,)
    ends = [checkpoint.load(path)[1] for path in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    frozen = {name for name in ends[0] if name.startswith("modules.objective.encoder.")}
    assert frozen
    assert all(torch.equal(ends[0][name], ends[-1][name]) for name in frozen)
    assert not all(torch.equal(ends[0][name], ends[-1][name]) for name in ends[0].keys() - frozen)


REFUSED: dict[str, tuple[dict[str, Any], type[ZooError], str]] = {
    "an unknown encoder": ({"encoder": {"component": "dcgam"}}, UnknownName, "encoder 'dcgam'"),
    "an unknown discriminator": ({"discriminator": {"component": "patsh"}}, UnknownName, "'patsh'"),
    "a wrong setting in it": (
        {"discriminator": {"component": "patch", "config": {"layers": 0}}},
        ConfigError,
        "layers",
    ),
    "images too small for patches": ({"discriminator": {"component": "patch"}}, CompositionError, "at least 24"),
    "images too small for features": ({"encoder": {"component": "efficientnet"}}, CompositionError, "16 px and more"),
    "a start after the end": ({"start": 16}, ConfigError, "begins after 16 images, and the run has 16"),
    "a weight below 0": ({"adversary": -1.0}, ConfigError, "adversary -1.0"),
    "no error in pixels": ({"absolute": 0.0, "squared": 0.0}, ConfigError, "both 0"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_written(what: str, images_file: Path, tmp_path: Path) -> None:
    settings, error, says = REFUSED[what]
    training = {"objective": objective(**settings), "batch": 8, "images": 16}
    with pytest.raises(error, match=says) as caught:
        zoo.train(autoencoder(), str(images_file), out=tmp_path / "run", training=training)
    assert caught.value.hint or error is ConfigError
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_a_discriminator_may_be_an_encoder_and_each_logs_what_it_does(images_file: Path, tmp_path: Path) -> None:
    training = {"objective": objective(discriminator=FEATURES), "batch": 8, "images": 16}
    run = zoo.train(autoencoder(), str(images_file), out=tmp_path, training=training)
    ticks = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines() if '"tick"' in line]
    assert {"mse", "features", "kl", "adversary", "adaptive", "critic"} <= {*ticks[-1]}


def test_the_recipe_of_the_docs_fits_together() -> None:
    recipe = read_recipe(Path(__file__).parent.parent / "recipes" / "vqgan.toml")
    assert recipe.autoencoder is not None
    model = compose_autoencoder(recipe.autoencoder, DataSpec((3, 64, 64)), 0, "meta")
    check_objective(model, recipe.autoencoder.training)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_discriminator_of_patches_has_a_logit_for_each_of_many_places(layers: int) -> None:
    data = DataSpec((3, 50, 32))
    net = PatchDiscriminator(PatchConfig(width=4, layers=layers), data)
    logits, stages = net.discriminate(torch.zeros(2, *data.shape))
    places = (50 // 2**layers - 2) * (32 // 2**layers - 2)
    assert logits.shape == (2, places)
    assert net.logit_groups == (places,)
    assert [stage.shape[1] for stage in stages] == [4 * 2**i for i in range(layers)]
    smallest = 3 * 2**layers
    assert PatchDiscriminator(PatchConfig(4, layers), DataSpec((1, smallest, smallest))).logit_groups == (1,)
    with pytest.raises(CompositionError, match=f"at least {smallest}"):
        PatchDiscriminator(PatchConfig(4, layers), DataSpec((1, smallest, smallest - 1)))


def test_half_precision_changes_the_adaptive_weight_by_rounding_only() -> None:
    """The gradients at the pixels of large batches are below fp16's smallest number, 6e-8."""
    h, v = torch.randn(64, 16), torch.randn(64, 3)
    layer = nn.Linear(16, 3, bias=False)

    def weight() -> float:
        y = layer(h)
        losses = (1e-6 * (y.float() * v).mean(), 3e-6 * (y.float() - v).mean())
        return adaptive_weight(*losses, layer.weight).item()

    whole = weight()
    with torch.autocast("cpu", torch.float16):
        half = weight()
    assert whole > 0
    assert half == pytest.approx(whole, rel=0.02)
