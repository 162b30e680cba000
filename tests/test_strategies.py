"""What must hold for every registered transfer strategy, on mlp and dcgan parts of 8 px."""

from __future__ import annotations

import copy
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder
from small_transfers import make_trainer
from strategy_matrix import paired

import zoo
from zoo.config import to_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.losses.types import Side
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.training.api import resume
from zoo.training.gan import GANTrainer
from zoo.transfers.apply import TransferResult, explain
from zoo.transfers.plan import Slot
from zoo.transfers.report import nets_of
from zoo.transfers.strategies import resolve_strategies
from zoo.types import PartSpec

STRATEGIES = [f"transfer/{name}" for name in paired()]
ARCHES = ("mlp", "dcgan")
CHEAP: dict[str, dict[str, Any]] = {
    "transfer/gmm-prior": {"components": 2},
    "transfer/autoencoder-prior": {"components": 2},
    "transfer/decoder-distill": {"steps": 5},
    "transfer/flow-prior": {"steps": 5, "layers": 2, "width": 8},
    "transfer/denoising-features": {"steps": 5, "width": 8},
    "transfer/ewc": {"samples": 4},
    "transfer/recalibrated-norm": {"batches": 2, "batch": 8},
}
"""Settings that make a fit short enough for a test."""

WITHOUT_TRAINING = {"transfer/autoencoder-prior"}
"""Strategies that train no GAN at all."""

each = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda name: name.rpartition("/")[2])
both = pytest.mark.parametrize("arch", ARCHES)


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def part(strategy: str) -> PartSpec:
    return PartSpec(strategy, CHEAP.get(strategy, {}))


def scratch(source: Autoencoder, seed: int = 1) -> GAN:
    return zoo.gan(like=source, seed=seed)


def apply_strategy(source: Autoencoder, strategy: Any, images: ImageSet, gan: GAN | None = None) -> TransferResult:
    parts = [part(strategy)] if isinstance(strategy, str) else strategy
    return zoo.transfer(source, gan or scratch(source), parts, data=images)


def train(transferred: TransferResult, images: ImageSet, steps: int, **settings: Any) -> GANTrainer:
    trainer = make_trainer(transferred, images, images=160, **settings)
    batches = Batches(images.train, trainer.training.batch, trainer.streams["data"])
    for i in range(steps):
        scalars = trainer.step(batches.next(), i * trainer.training.batch)
        assert all(math.isfinite(value) for value in scalars.values()), scalars
    return trainer


def outcome(trainer: GANTrainer, images: ImageSet) -> tuple[torch.Tensor, ...]:
    """What a trained GAN gives: samples of the live and the averaged generator, logits of real images."""
    x = images.batch(images.held_out)
    return trainer.gan.sample(8), trainer.averaged_gan().sample(8), trainer.gan.score(x)


def assert_same_bits(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> None:
    assert all(torch.equal(left, right) for left, right in zip(a, b, strict=True))


# ---------------------------------------------------------------- the same as scratch


@both
@each
def test_the_noop_config_equals_scratch_bit_for_bit(strategy: str, arch: str, images: ImageSet) -> None:
    """Twenty steps with `noop_config` give the weights of scratch; a strategy without one says why."""
    source = autoencoder(arch)
    (resolved,) = resolve_strategies([part(strategy)])
    noop_config = resolved.strategy.noop_config()
    if noop_config is None:
        doc = type(resolved.strategy).noop_config.__doc__ or ""
        assert doc.startswith("None:"), f"{strategy} has no noop_config and does not say why"
        return
    plain = train(apply_strategy(source, "transfer/scratch", images), images, 20)
    transferred = apply_strategy(source, [PartSpec(strategy, to_plain(noop_config))], images)
    assert_same_bits(outcome(train(transferred, images, 20), images), outcome(plain, images))


@both
@pytest.mark.parametrize("strategy", ["decoder-init", "encoder-init", "decoder-init+encoder-init"])
def test_an_init_with_the_scratch_nets_own_weights_equals_scratch(strategy: str, arch: str, images: ImageSet) -> None:
    """The code path of an init changes nothing but the values that it copies."""
    source, gan = autoencoder(arch), scratch(autoencoder(arch))
    source.decoder.load_state_dict(gan.generator.state_dict())
    source.encoder.load_state_dict(gan.discriminator.encoder.state_dict())
    plain = train(apply_strategy(source, "transfer/scratch", images, copy.deepcopy(gan)), images, 20)
    transferred = zoo.transfer(source, gan, strategy, data=images)
    assert_same_bits(outcome(train(transferred, images, 20), images), outcome(plain, images))


@both
@each
def test_a_strategy_does_not_change_the_batches_or_the_codes(strategy: str, arch: str, images: ImageSet) -> None:
    """Paired seeds: whatever the strategy draws, the order of the data, the noise and the augmentation stay those of
    scratch."""
    source = autoencoder(arch)
    slots = resolve_strategies([part(strategy)])[0].strategy.slots
    settings = {} if Slot.TASK in slots else {"augment": "colour"}
    global_state = torch.get_rng_state()
    trainer = train(apply_strategy(source, strategy, images), images, 3, **settings)
    plain = train(apply_strategy(source, "transfer/scratch", images), images, 3, **settings)
    for name in ("data", "augmentation"):
        assert torch.equal(trainer.streams[name].get_state(), plain.streams[name].get_state())
    if Slot.PRIOR not in slots:
        assert torch.equal(trainer.streams["codes"].get_state(), plain.streams["codes"].get_state())
    assert torch.equal(torch.get_rng_state(), global_state)


# ---------------------------------------------------------------- what is frozen stays as it is


@both
@each
def test_frozen_tensors_never_change_and_no_optimiser_holds_them(strategy: str, arch: str, images: ImageSet) -> None:
    """Ten steps leave every frozen tensor and every buffer of a frozen module as it was, in eval mode throughout."""
    transferred = apply_strategy(autoencoder(arch), strategy, images)
    nets = nets_of(transferred.plan)
    frozen = {
        (net, name): tensor
        for net, names in transferred.plan.frozen.items()
        for name, tensor in nets[net].state_dict(keep_vars=True).items()
        if name in names
    }
    assert sum(len(names) for names in transferred.plan.frozen.values()) == len(frozen), "a frozen name does not exist"
    before = {key: tensor.detach().clone() for key, tensor in frozen.items()}
    trainer = train(transferred, images, 10)
    for key, tensor in frozen.items():
        assert torch.equal(before[key], tensor), key
        assert getattr(tensor, "grad", None) is None, key
        assert not tensor.requires_grad, key
    optimised = {id(weight) for optimizer in trainer.optimizers.values() for weight in optimizer.parameters}
    assert not optimised & {id(tensor) for tensor in frozen.values()}
    called = {(row.net, row.tensor): row.state for row in transferred.report.rows}
    for net, module in nets.items():
        for name, weight in module.named_parameters():
            assert id(weight) not in optimised or called.get((net, name), "trained") == "trained", f"{net}.{name}"
    assert "trained" not in {state for (net, _), state in called.items() if net == "prior"}, "a prior is never trained"
    for net, module in nets.items():
        names = transferred.plan.frozen.get(net, set())
        for prefix, inner in module.named_modules():
            weights = [f"{prefix}.{key}" if prefix else key for key, _ in inner.named_parameters()]
            if weights and names.issuperset(weights):
                assert not any(deep.training for deep in inner.modules()), f"{net}.{prefix} is in train mode"


@both
@each
def test_the_source_is_not_changed(strategy: str, arch: str, images: ImageSet) -> None:
    """Neither planning, applying nor training writes into the autoencoder or the GAN given."""
    source, gan = autoencoder(arch), scratch(autoencoder(arch))
    before = digest(source), digest(gan)
    train(apply_strategy(source, strategy, images, gan), images, 2)
    assert (digest(source), digest(gan)) == before


# ---------------------------------------------------------------- the record


@both
@each
def test_the_report_lists_every_tensor_of_the_final_nets(strategy: str, arch: str, images: ImageSet) -> None:
    """One row per tensor, and an edited tensor is never called fresh."""
    transferred = apply_strategy(autoencoder(arch), strategy, images)
    listed = {(row.net, row.tensor) for row in transferred.report.rows}
    for net, module in nets_of(transferred.plan).items():
        for name in module.state_dict():
            assert (net, name) in listed
    edited = {(edit.net, edit.tensor) for edit in transferred.plan.edits if not edit.net.startswith("source.")}
    assert {(row.net, row.tensor) for row in transferred.report.rows if row.origin != "fresh"} == edited
    for net, names in transferred.plan.required_tensors.items():
        assert {(net, name) for name in names} <= edited


@both
@each
def test_explain_works_on_the_meta_device_and_says_the_same(strategy: str, arch: str, images: ImageSet) -> None:
    """Without weights or data the plan is the one that would be applied."""
    source = autoencoder(arch, device="meta")
    gan = zoo.gan(like=source, device="meta")
    planned = explain(source, gan, [part(strategy)])
    assert planned.rows == apply_strategy(autoencoder(arch), strategy, images).report.rows


@both
@each
def test_a_run_resumes_bit_for_bit_without_the_source(
    strategy: str, arch: str, images: ImageSet, tmp_path: Path
) -> None:
    """A run cut at its half and resumed ends like one that was not."""
    transferred = apply_strategy(autoencoder(arch), strategy, images)
    training = {"batch": 8, "checkpoint_every": 40, "sample_every": 1000}
    run = zoo.train(transferred, images, out=tmp_path / "run", images=80, training=training)
    end = tmp_path / "run" / "checkpoints" / f"{80:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    again = resume(tmp_path / "run")
    assert (end / "tensors.safetensors").read_bytes() == whole
    assert torch.equal(run.gan.sample(4), again.gan.sample(4))


# ---------------------------------------------------------------- it trains


@both
@each
def test_the_first_step_is_finite_and_reaches_the_generator(strategy: str, arch: str, images: ImageSet) -> None:
    """At step 0 losses are finite and some weight of the generator's side changes, unless nothing is trained."""
    transferred = apply_strategy(autoencoder(arch), strategy, images)
    trainer = make_trainer(transferred, images, images=160)
    before = [weight.detach().clone() for weight in trainer.optimizers[Side.GENERATOR].parameters]
    rows = images.train[: trainer.training.batch]
    scalars = trainer.step(rows, 0)
    assert all(math.isfinite(value) for value in scalars.values())
    after = trainer.optimizers[Side.GENERATOR].parameters
    any_changed = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert any_changed != (strategy in WITHOUT_TRAINING)


@both
@each
def test_a_released_gan_loads_and_samples_the_same(strategy: str, arch: str, images: ImageSet, tmp_path: Path) -> None:
    """Whatever a strategy put inside the nets, the release rebuilds from its manifest."""
    transferred = apply_strategy(autoencoder(arch), strategy, images)
    training = {"batch": 8, "checkpoint_every": 100, "sample_every": 100}
    run = zoo.train(transferred, images, out=tmp_path / "run", images=16, training=training)
    run.release(tmp_path / "release", license="CC0-1.0", name="tiny.test")
    pair = zoo.load(tmp_path / "release")
    assert torch.equal(pair.gan.sample(4), run.gan.sample(4))
    x = images.batch(images.held_out[:4])
    assert torch.equal(pair.gan.score(x), run.gan.score(x))


# ---------------------------------------------------------------- refusals


def test_strategies_that_fill_one_exclusive_slot_are_refused_by_name() -> None:
    """The error names both and the slot."""
    with pytest.raises(TransferError, match=r"gaussian-prior.*gmm-prior.*prior"):
        resolve_strategies("gaussian-prior+gmm-prior")
