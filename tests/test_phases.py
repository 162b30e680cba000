"""What changes during a run: a warm-up that ends by D's accuracy, and phases that begin after a share of the budget."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
import torch
from helpers import SHAPE, states_equal
from small_transfers import make_trainer, transfer
from torch import nn
from zoo_transfer.decoder_init import WarmStart

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.losses.types import Side
from zoo.training.api import resume
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.training.schedule import FeedbackController
from zoo.transfers.apply import TransferResult
from zoo.types import PartSpec

both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def resumes_bit_for_bit(transferred: TransferResult, images: ImageSet, folder: Path, total: int, cut: int) -> None:
    """A run that loses its last checkpoint and continues from the one at `cut` ends with the same bytes."""
    settings = {"batch": 8, "checkpoint_every": cut, "sample_every": 9999}
    zoo.train(transferred, images, out=folder, images=total, training=settings)
    end = folder / "checkpoints" / f"{total:012d}"
    assert (folder / "checkpoints" / f"{cut:012d}").is_dir()
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    resume(folder)
    assert (end / "tensors.safetensors").read_bytes() == whole


# ---------------------------------------------------------------- a warm-up steered by D


def update(warm: WarmStart, wins: list[float], batch: int = 10) -> None:
    steering = FeedbackController({"warm": warm})
    for i, value in enumerate(wins):
        steering.update({"d_wins": torch.tensor(value)}, {"warm": (i + 1) * batch}, batch)


def test_a_warm_up_ends_with_the_first_mean_of_four_steps_above_its_accuracy() -> None:
    """One good step is not enough; the ramp begins where the warm-up ended; without an end it lasts to the last."""
    warm = WarmStart(1000, 100, 0.25, accuracy=0.8)
    update(warm, [0.5, 1.0, 0.6, 0.7, 0.9, 0.9, 0.7, 0.9])
    assert [warm(at) for at in (79, 80, 130, 180)] == [0.0, 0.25, 0.625, 1.0]
    never = WarmStart(1000, 0, 1.0)
    update(never, [1.0] * 8)
    assert [never(at) for at in (999, 1000)] == [0.0, 1.0]
    late = WarmStart(40, 0, 1.0, accuracy=0.8)
    update(late, [0.5] * 4 + [1.0] * 8)  # what is measured after the warm-up has no effect
    assert [late(at) for at in (39, 40)] == [0.0, 1.0]


def test_a_setting_whose_stage_has_not_begun_follows_nothing() -> None:
    warm = WarmStart(1000, 0, 1.0, accuracy=0.8)
    steering = FeedbackController({"warm": warm})
    for _ in range(8):
        steering.update({"d_wins": torch.ones(())}, {}, 10)
    assert warm(500) == 0.0


@both
def test_the_generator_begins_once_the_discriminator_can_tell(arch: str, images: ImageSet) -> None:
    """G is not trained until D ranks enough pairs correctly, long before the warm-up's last image; then it is."""
    config = {"warmup_images": 10_000, "warmup_accuracy": 0.6}
    trainer = make_trainer(transfer(images, PartSpec("decoder-init", config), arch=arch), images)
    before = copy.deepcopy(trainer.gan.generator)
    began = None
    for i in range(60):
        scalars = trainer.step(images.train[:8], i * 8)
        if "g_loss" in scalars:
            began = i * 8
            break
        assert states_equal(trainer.gan.generator, before)
    assert began is not None
    assert began % 32 == 0


def test_a_run_remembers_that_its_warm_up_ended(images: ImageSet, tmp_path: Path) -> None:
    """Cut after the end and before the last image of the warm-up, it goes on with the generator."""
    config = {"warmup_images": 300, "warmup_accuracy": 0.5, "ramp_images": 100}
    transferred = transfer(images, PartSpec("decoder-init", config), arch="mlp")
    resumes_bit_for_bit(transferred, images, tmp_path / "run", total=320, cut=160)
    assert int(transferred.plan.schedules["generator.lr"][0].ended) < 160  # type: ignore[attr-defined]


# ---------------------------------------------------------------- stages of the budget


def optimised(trainer: GANTrainer) -> list[int]:
    groups = trainer.optimizers[Side.DISCRIMINATOR].adam.param_groups
    return [id(weight) for group in groups for weight in group["params"]]


@both
def test_unfreezing_adds_exactly_the_frozen_weights_once(arch: str, images: ImageSet) -> None:
    """They are in no optimiser before, and nothing is in it twice afterwards; they learn from that step on."""
    parts = PartSpec("encoder-init"), PartSpec("freeze-lower", {"stages": 1, "unfreeze_after": 0.25})
    transferred = transfer(images, *parts, arch=arch)
    assert any("25%" in note for note in transferred.report.notes)
    trainer = make_trainer(transferred, images, images=64)
    names = transferred.plan.frozen["discriminator"]
    frozen = {name: w for name, w in trainer.gan.discriminator.named_parameters() if name in names}
    before = {name: weight.detach().clone() for name, weight in frozen.items()}
    trained = optimised(trainer)
    assert not {id(weight) for weight in frozen.values()} & set(trained)
    for shown in range(0, 64, 8):
        trainer.step(images.train[:8], shown)
        changes = any(not torch.equal(before[name], weight) for name, weight in frozen.items())
        assert changes == (shown >= 16), shown
    after = optimised(trainer)
    assert after[: len(trained)] == trained
    assert sorted(after[len(trained) :]) == sorted(id(weight) for weight in frozen.values())


def test_unfrozen_modules_leave_eval_mode(images: ImageSet) -> None:
    """A batch norm's statistics stay while its stage is frozen and follow the batches afterwards."""
    part = PartSpec("dcgan", {"width": 4, "norm": "batch"})
    source = zoo.autoencoder(part, shape=(1, 16, 16), code_shape=6)
    transferred = zoo.transfer(source, strategy=[PartSpec("freeze-lower", {"stages": 2, "unfreeze_after": 0.5})])
    trainer = GANTrainer(transferred.plan, _larger(images), AdversarialTraining(batch=8, images=32), 0)
    norm = next(m for m in trainer.gan.discriminator.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    for shown in range(0, 32, 8):
        before = norm.running_mean.clone()
        trainer.step(images.train[:8], shown)
        seen.append(bool((norm.running_mean != before).any()))
    assert seen == [False, False, True, True]


def _larger(images: ImageSet) -> ImageSet:
    import dataclasses

    from zoo.types import DataSpec

    pixels = images.pixels.repeat_interleave(2, -1).repeat_interleave(2, -2)
    return dataclasses.replace(images, spec=DataSpec((1, 16, 16)), pixels=pixels)


@pytest.mark.parametrize("cut", [32, 40])
def test_a_run_with_an_unfreezing_resumes_bit_for_bit(cut: int, images: ImageSet, tmp_path: Path) -> None:
    """Cut at the very step before the stage begins (32 of 64 images) and inside of it."""
    parts = PartSpec("encoder-init"), PartSpec("freeze-lower", {"unfreeze_after": 0.5})
    resumes_bit_for_bit(transfer(images, *parts, arch="mlp"), images, tmp_path / "run", total=64, cut=cut)


def test_freezing_follows_a_discriminator_into_its_wrapper(images: ImageSet) -> None:
    """What thaws inside feature-concat is what was frozen there."""
    parts = PartSpec("encoder-init"), PartSpec("feature-concat"), PartSpec("freeze-lower", {"unfreeze_after": 0.0})
    transferred = transfer(images, *parts)
    (stage,) = transferred.plan.phases
    assert stage.unfreezes["discriminator"]
    assert all(name.startswith("base.encoder.") for name in stage.unfreezes["discriminator"])
    assert stage.unfreezes["discriminator"] <= transferred.plan.frozen["discriminator"]


@both
def test_a_latent_gan_may_end_on_images(arch: str, images: ImageSet, tmp_path: Path) -> None:
    """First codes, with the decoder and D not trained; then D alone on images; then D, g and the decoder."""
    config = {
        "widths": [8],
        "critic_steps": 1,
        "joint_after": 0.5,
        "joint_warmup_images": 16,
        "joint_ramp_images": 0,
    }
    transferred = transfer(images, PartSpec("latent-gan", config), arch=arch)
    trainer = make_trainer(transferred, images, images=64)
    watched = {"decoder": trainer.gan.generator.generator, "d": trainer.gan.discriminator, "g": _mapper(trainer)}
    seen = []
    for shown in range(0, 64, 8):
        before = {name: copy.deepcopy(net) for name, net in watched.items()}
        trainer.step(images.train[:8], shown)
        seen.append({name for name, net in watched.items() if not states_equal(net, before[name])})
    assert seen == [{"g"}] * 4 + [{"d"}] * 2 + [{"decoder", "d", "g"}] * 2
    again = transfer(images, PartSpec("latent-gan", config), arch=arch)
    resumes_bit_for_bit(again, images, tmp_path / "run", total=64, cut=40)


def _mapper(trainer: GANTrainer) -> nn.Module:
    return trainer.gan.generator.mapper  # type: ignore[return-value]
