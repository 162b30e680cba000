"""The gradient of an auxiliary loss can be scaled to a share of the adversarial loss's gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import autoencoder, states_equal
from small_transfers import make_trainer, run, transfer
from torch import Tensor

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.losses.balance import GradientBalance
from zoo.training import checkpoint

both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file))


def pull(images: ImageSet, arch: str, *parts: Any) -> Tensor:
    """What the generator's weights are pulled by in the first step, as one vector."""
    trainer = make_trainer(transfer(images, "decoder-init", *parts, arch=arch), images)
    weights = list(trainer.gan.generator.parameters())
    gradients: list[Tensor] = []

    def record(*_: Any) -> None:
        gradients.append(torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None]).double())

    trainer.optimizers["generator"].adam.register_step_pre_hook(record)
    run(trainer, images, 1)
    return gradients[0]


@both
def test_a_balanced_anchor_pulls_half_as_hard_as_the_discriminator(arch: str, images: ImageSet) -> None:
    """Taken apart from the step's gradients: with the anchor, without it, and with it balanced."""
    without = pull(images, arch)
    plain = pull(images, arch, "recon-anchor") - without
    balanced = pull(images, arch, ("recon-anchor", {"balance": 0.5})) - without
    assert plain.norm() > 0
    assert (balanced.norm() / without.norm()).item() == pytest.approx(0.5, rel=1e-3)
    assert torch.nn.functional.cosine_similarity(balanced, plain, dim=0).item() == pytest.approx(1.0, abs=1e-3)


def test_a_balance_follows_both_norms_slowly_and_starts_unbiased() -> None:
    """The first measurement counts in full; one ten times off moves the factor by less than a factor of two."""
    balance = GradientBalance(0.5)
    assert balance.factor == 1.0
    balance.update(torch.tensor(4.0), torch.tensor(2.0))
    assert balance.factor.item() == pytest.approx(1.0)
    for _ in range(50):
        balance.update(torch.tensor(4.0), torch.tensor(1.0))
    assert balance.factor.item() == pytest.approx(2.0, rel=0.01)
    balance.update(torch.tensor(40.0), torch.tensor(1.0))
    assert 2.0 < balance.factor.item() < 4.0


def test_a_term_without_a_gradient_is_left_as_it_is() -> None:
    balance = GradientBalance(0.5)
    balance.update(torch.tensor(4.0), torch.tensor(0.0))
    assert balance.factor == 1.0


def test_a_balance_is_measured_at_every_sixteenth_step(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(transfer(images, ("recon-anchor", {"balance": 0.5})), images)
    measured: list[int] = []
    monkeypatch.setattr(GradientBalance, "update", lambda *_: measured.append(1))
    run(trainer, images, 17)
    assert len(measured) == 2


def test_a_balanced_run_resumes_bit_for_bit(images: ImageSet, tmp_path: Path) -> None:
    """Cut after 12 steps, so that what was measured at step 0 must be in the checkpoint."""
    settings = {"batch": 8, "checkpoint_every": 96, "sample_every": 160}
    anchor = {"component": "recon-anchor", "config": {"balance": 0.5, "images": 400}}

    def begin(name: str, count: int) -> zoo.Run:
        transferred = zoo.transfer(autoencoder(seed=3), strategy=["decoder-init", anchor], data=images)
        return zoo.train(transferred, images, out=tmp_path / name, images=count, training=settings)

    whole = begin("whole", 160)
    resumed = zoo.resume(begin("cut", 96).folder, override={"images": 160}, out=tmp_path / "resumed")
    last = [checkpoint.load(checkpoint.latest_checkpoint(one.folder / "checkpoints"))[1] for one in (whole, resumed)]
    assert last[0]["modules.terms.transfer/recon-anchor/anchor.balance.norms"].min() > 0
    assert last[0].keys() == last[1].keys()
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])


@both
def test_a_balanced_anchor_of_weight_0_is_scratch_bit_for_bit(arch: str, images: ImageSet) -> None:
    trainers = [
        make_trainer(transfer(images, part, arch=arch), images)
        for part in ("scratch", ("recon-anchor", {"weight": 0.0, "balance": 0.5}))
    ]
    for trainer in trainers:
        run(trainer, images, 20)
    assert states_equal(trainers[0].gan, trainers[1].gan)
