"""Networks that draw random numbers in training mode (dropout, noise, stochastic depth) are trained exactly: one seed
gives one run, also after a cut and in several processes. The kit refuses random numbers that torch's seed does not fix.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHAPE
from many_processes import together
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import zoo
from zoo import plugins
from zoo.networks.types import Features
from zoo.testing import EncoderCase
from zoo.testing.conformance.networks import ENCODER_CHECKS
from zoo.training import checkpoint
from zoo.types import Component, DataSpec, PartSpec

TRAINING = {"batch": 16, "checkpoint_every": 32, "sample_every": 1_000, "images": 64}
EXACT = ("dropout", "noise", "depth")


@dataclass(frozen=True)
class Config:
    """Which random numbers the network draws."""

    kind: str = "dropout"


class Noisy(nn.Module):
    """An encoder that draws random numbers in training mode."""

    stage_channels = (12,)
    embedding_shape = (12,)

    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.layer = spectral_norm(nn.Linear(data.size, 12))  # its vectors change with every pass
        self.scale = nn.Parameter(torch.zeros(1))
        self.rng = torch.Generator().manual_seed(0)
        self.draw: Callable[[Tensor], Tensor] = {
            "nothing": lambda h: h,
            "dropout": lambda h: nn.functional.dropout(h, 0.3),
            "noise": lambda h: h + self.scale * torch.randn_like(h) + 0.1 * torch.randn_like(h),
            "depth": lambda h: h * h.new_empty(len(h), 1).bernoulli_(0.7),
            "numpy": lambda h: h + self.scale * torch.from_numpy(np.random.standard_normal(h.shape)).float(),
            "python": lambda h: h * random.uniform(0.9, 1.1),
            "system": lambda h: h * (1 + os.urandom(1)[0] / 256),
            "own": lambda h: h + torch.randn(h.shape, generator=self.rng),
        }[config.kind]

    def features(self, x: Tensor) -> Features:
        h = nn.functional.leaky_relu(self.layer(x.flatten(1)), 0.2)
        h = self.draw(h) if self.training else h
        return Features(h, (h,))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).embedding


@pytest.fixture(autouse=True)
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is a component of the plugin `noisy`."""
    real = plugins.host()
    plugin = plugins.Plugin("noisy", __name__, "noisy", "1.0", "ready")
    record = Component("encoder", "encoder", f"{__name__}:Noisy", f"{__name__}:Config")
    components = (*real.components, plugins.RegisteredComponent(record, plugin))
    host = plugins.Host(real.plugins, components, real.registries)
    monkeypatch.setattr("zoo.plugins.lookup.host", lambda: host)


def model(kind: str, what: str) -> Any:
    """A GAN with such a discriminator, or an autoencoder with such an encoder."""
    noisy, generator = PartSpec("noisy/encoder", {"kind": kind}), PartSpec("mlp", {"widths": [8]})
    if what == "gan":
        return zoo.gan(generator, noisy, shape=SHAPE, code_shape=4)
    return zoo.autoencoder(noisy, generator, shape=SHAPE, code_shape=4)


def state(folder: Path) -> dict[str, Tensor]:
    """The whole of a run's last state."""
    return checkpoint.load(checkpoint.latest_checkpoint(folder / "checkpoints"))[1]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two states are bitwise equal."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("engine", [{}, {"accumulate": 2}, {"precision": "bf16"}], ids=["whole", "parts", "bf16"])
@pytest.mark.parametrize("what", ["gan", "autoencoder"])
def test_one_seed_gives_one_run_and_the_callers_random_numbers_are_untouched(
    what: str, engine: dict[str, Any], images_file: Path, tmp_path: Path
) -> None:
    states = {}
    for name, kind, seed in (
        ("one", "dropout", 0),
        ("two", "dropout", 0),
        ("seed", "dropout", 1),
        ("none", "nothing", 0),
    ):
        torch.manual_seed(len(states))
        before = torch.get_rng_state()
        settings = {"training": TRAINING, "engine": {"device": "cpu", **engine}, "seed": seed}
        zoo.train(model(kind, what), str(images_file), out=tmp_path / name, **settings)
        assert torch.equal(before, torch.get_rng_state()), "the run changed the caller's random numbers"
        states[name] = state(tmp_path / name)
    assert same(states["one"], states["two"])
    assert not same(states["one"], states["seed"])
    assert not same(states["one"], states["none"]), "nothing was drawn"


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("what", ["gan", "autoencoder"])
def test_a_run_that_was_cut_resumes_to_the_bit(what: str, kind: str, images_file: Path, tmp_path: Path) -> None:
    def stop(event: Any) -> None:
        if event.kind == "checkpoint" and event.shown == 32:
            raise InterruptedError

    zoo.train(model(kind, what), str(images_file), out=tmp_path / "whole", training=TRAINING)
    with pytest.raises(InterruptedError):
        zoo.train(model(kind, what), str(images_file), out=tmp_path / "cut", training=TRAINING, watch=[stop])
    torch.rand(7)
    zoo.resume(tmp_path / "cut")
    assert same(state(tmp_path / "whole"), state(tmp_path / "cut"))


def test_every_pass_of_every_step_has_a_mask_of_its_own(images_file: Path, tmp_path: Path) -> None:
    masks: list[bytes] = []
    for seed in (0, 1):
        gan = zoo.gan("mlp", PartSpec("mlp", {"widths": [32], "dropout": 0.5}), shape=SHAPE, code_shape=4)
        layer = next(part for part in gan.discriminator.modules() if isinstance(part, nn.Dropout))
        layer.register_forward_hook(lambda net, given, out: masks.append((out != 0).numpy().tobytes()))
        settings = {"training": TRAINING, "engine": {"device": "cpu", "accumulate": 2}, "seed": seed}
        zoo.train(gan, str(images_file), out=tmp_path / str(seed), **settings)
    assert len(masks) >= 2 * 4 * 2 * 3  # seeds, steps, micro-batches, and D on real and fake, then G's
    assert len(set(masks)) == len(masks)


def test_two_processes_have_masks_of_their_own_and_repeat_themselves(images_file: Path, tmp_path: Path) -> None:
    """That their weights stay equal is checked at every checkpoint."""
    pytest.importorskip("accelerate", reason="the extra [dist]")
    masks = []
    for done in together(images_file, tmp_path, "dropout:one", "dropout:two"):
        assert done.returncode == 0, done.stderr[-3000:]
        lines = [line for line in done.stderr.splitlines() if line.startswith("mask ")]
        first, second = lines[: len(lines) // 2], lines[len(lines) // 2 :]
        assert first == second
        masks.append(first)
    assert len(masks[0]) == len(masks[1]) > 0
    assert all(one != other for one, other in zip(*masks, strict=True))
    assert same(state(tmp_path / "dropout-one"), state(tmp_path / "dropout-two"))


@pytest.mark.parametrize(
    ("kind", "fault"), [(kind, kind not in EXACT) for kind in (*EXACT, "numpy", "python", "system", "own")]
)
def test_the_kit_refuses_random_numbers_that_torchs_seed_does_not_fix(kind: str, fault: bool) -> None:
    case = EncoderCase("noisy/encoder", {"kind": kind}, DataSpec(SHAPE))
    (check,) = (check for check in ENCODER_CHECKS if check.__name__ == "training_draws_from_torchs_generators_alone")
    if fault:
        with pytest.raises(AssertionError, match="two training-mode passes from the same torch seed differ"):
            check(case)
    else:
        check(case)
