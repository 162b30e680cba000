"""What every transfer strategy promises, for each one that is registered, on mlp and dcgan parts of 8 px."""

from __future__ import annotations

import copy
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder

import zoo
from zoo import plugins
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.losses.types import Side
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.training.api import resume
from zoo.training.gan import AdversarialTrainee
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import Moved, explain
from zoo.transfers.plan import Slot
from zoo.transfers.report import nets_of
from zoo.transfers.strategies import choose
from zoo.types import PartSpec

STRATEGIES = sorted(offer.id for offer in plugins.components("transfer"))
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

RESTING = {"transfer/autoencoder-prior"}
"""Strategies that train no GAN at all."""

TRAINING = {"batch": 8, "images": 160}

each = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda name: name.rpartition("/")[2])
both = pytest.mark.parametrize("arch", ARCHES)


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def part(strategy: str) -> PartSpec:
    return PartSpec(strategy, CHEAP.get(strategy, {}))


def scratch(source: Autoencoder, seed: int = 1) -> GAN:
    return zoo.gan(like=source, seed=seed)


def move(source: Autoencoder, strategy: Any, images: ImageSet, gan: GAN | None = None) -> Moved:
    parts = [part(strategy)] if isinstance(strategy, str) else strategy
    return zoo.transfer(source, gan or scratch(source), parts, data=images)


def training_of(moved: Moved, **settings: Any) -> AdversarialTraining:
    return from_plain(AdversarialTraining, {**TRAINING, **moved.plan.recipe, **settings}, "training")


def train(moved: Moved, images: ImageSet, steps: int, **settings: Any) -> AdversarialTrainee:
    trainee = AdversarialTrainee(moved.plan, images, training_of(moved, **settings), 0)
    batches = Batches(images.train, trainee.training.batch, trainee.streams["data"])
    for i in range(steps):
        scalars = trainee.step(batches.next(), i * trainee.training.batch)
        assert all(math.isfinite(value) for value in scalars.values()), scalars
    return trainee


def outcome(trainee: AdversarialTrainee, images: ImageSet) -> tuple[torch.Tensor, ...]:
    """What a trained GAN gives: samples of the live and the averaged generator, verdicts on real images."""
    x = images.batch(images.held_out)
    return trainee.gan.sample(8), trainee.averaged().sample(8), trainee.gan.realness(x)


def assert_same_bits(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> None:
    assert all(torch.equal(left, right) for left, right in zip(a, b, strict=True))


# ---------------------------------------------------------------- the same as scratch where it must be


@both
@each
def test_neutral_config_equals_scratch_bit_for_bit(strategy: str, arch: str, images: ImageSet) -> None:
    """Twenty steps in the neutral config give the weights of scratch; a strategy without one says why."""
    source = autoencoder(arch)
    (chosen,) = choose([part(strategy)])
    neutral = chosen.strategy.neutral()
    if neutral is None:
        doc = type(chosen.strategy).neutral.__doc__ or ""
        assert doc.startswith("None:"), f"{strategy} has no neutral config and does not say why"
        return
    plain = train(move(source, "transfer/scratch", images), images, 20)
    moved = move(source, [PartSpec(strategy, to_plain(neutral))], images)
    assert_same_bits(outcome(train(moved, images, 20), images), outcome(plain, images))


@both
@pytest.mark.parametrize("strategy", ["decoder-init", "encoder-init", "decoder-init+encoder-init"])
def test_an_init_with_the_scratch_nets_own_weights_equals_scratch(strategy: str, arch: str, images: ImageSet) -> None:
    """The code path of an init changes nothing but the values that it copies."""
    source, gan = autoencoder(arch), scratch(autoencoder(arch))
    source.decoder.load_state_dict(gan.generator.state_dict())
    source.encoder.load_state_dict(gan.discriminator.encoder.state_dict())
    plain = train(move(source, "transfer/scratch", images, copy.deepcopy(gan)), images, 20)
    moved = zoo.transfer(source, gan, strategy, data=images)
    assert_same_bits(outcome(train(moved, images, 20), images), outcome(plain, images))


@both
@each
def test_a_strategy_does_not_change_the_batches_or_the_codes(strategy: str, arch: str, images: ImageSet) -> None:
    """Paired seeds: whatever the strategy draws, the order of the data, the noise and the augmentation stay those of
    scratch."""
    source = autoencoder(arch)
    fills = choose([part(strategy)])[0].strategy.fills
    settings = {} if Slot.GAME in fills else {"augment": "colour"}
    global_state = torch.get_rng_state()
    trainee = train(move(source, strategy, images), images, 3, **settings)
    plain = train(move(source, "transfer/scratch", images), images, 3, **settings)
    for name in ("data", "augmentation"):
        assert torch.equal(trainee.streams[name].get_state(), plain.streams[name].get_state())
    if Slot.PRIOR not in fills:
        assert torch.equal(trainee.streams["codes"].get_state(), plain.streams["codes"].get_state())
    assert torch.equal(torch.get_rng_state(), global_state)


# ---------------------------------------------------------------- what is frozen stays as it is


@both
@each
def test_frozen_tensors_never_change_and_no_optimiser_holds_them(strategy: str, arch: str, images: ImageSet) -> None:
    """Ten steps leave every frozen tensor and every buffer of a frozen module as it was, in eval mode throughout."""
    moved = move(autoencoder(arch), strategy, images)
    nets = nets_of(moved.plan)
    frozen = {
        (net, name): tensor
        for net, names in moved.plan.frozen.items()
        for name, tensor in nets[net].state_dict(keep_vars=True).items()
        if name in names
    }
    assert sum(len(names) for names in moved.plan.frozen.values()) == len(frozen), "a frozen name does not exist"
    before = {key: tensor.detach().clone() for key, tensor in frozen.items()}
    trainee = train(moved, images, 10)
    for key, tensor in frozen.items():
        assert torch.equal(before[key], tensor), key
        assert getattr(tensor, "grad", None) is None, key
        assert not tensor.requires_grad, key
    optimised = {id(w) for adam in trainee.optimisers.values() for group in adam.param_groups for w in group["params"]}
    assert not optimised & {id(tensor) for tensor in frozen.values()}
    called = {(row.net, row.tensor): row.state for row in moved.report.rows}
    for net, module in nets.items():
        for name, weight in module.named_parameters():
            assert id(weight) not in optimised or called.get((net, name), "trained") == "trained", f"{net}.{name}"
    assert "trained" not in {state for (net, _), state in called.items() if net == "prior"}, "no game trains a prior"
    for net, module in nets.items():
        names = moved.plan.frozen.get(net, set())
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
    train(move(source, strategy, images, gan), images, 2)
    assert (digest(source), digest(gan)) == before


# ---------------------------------------------------------------- the record


@both
@each
def test_the_report_lists_every_tensor_of_the_final_nets(strategy: str, arch: str, images: ImageSet) -> None:
    """One row per tensor, and an edited tensor is never called fresh."""
    moved = move(autoencoder(arch), strategy, images)
    listed = {(row.net, row.tensor) for row in moved.report.rows}
    for net, module in nets_of(moved.plan).items():
        for name in module.state_dict():
            assert (net, name) in listed
    edited = {(edit.net, edit.tensor) for edit in moved.plan.edits if not edit.net.startswith("source.")}
    assert {(row.net, row.tensor) for row in moved.report.rows if row.origin != "fresh"} == edited
    for net, names in moved.plan.promised.items():
        assert {(net, name) for name in names} <= edited


@both
@each
def test_explain_works_on_the_meta_device_and_says_the_same(strategy: str, arch: str, images: ImageSet) -> None:
    """Without weights or data the plan is the one that would be carried out."""
    source = autoencoder(arch, device="meta")
    gan = zoo.gan(like=source, device="meta")
    planned = explain(source, gan, [part(strategy)])
    assert planned.rows == move(autoencoder(arch), strategy, images).report.rows


@both
@each
def test_a_run_resumes_bit_for_bit_without_the_source(
    strategy: str, arch: str, images: ImageSet, tmp_path: Path
) -> None:
    """A run cut at its half and resumed ends like one that was not."""
    moved = move(autoencoder(arch), strategy, images)
    training = {"batch": 8, "checkpoint_every": 40, "sample_every": 1000}
    run = zoo.train(moved, images, out=tmp_path / "run", images=80, training=training)
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
    """At step 0 losses are finite and some trained weight of the generator's side moves, unless nothing is to train."""
    moved = move(autoencoder(arch), strategy, images)
    trainee = AdversarialTrainee(moved.plan, images, training_of(moved), 0)
    before = [weight.detach().clone() for weight in trainee.learners[Side.GENERATOR].weights]
    rows = images.train[: trainee.training.batch]
    scalars = trainee.step(rows, 0)
    assert all(math.isfinite(value) for value in scalars.values())
    after = trainee.learners[Side.GENERATOR].weights
    moved_some = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert moved_some != (strategy in RESTING)


@both
@each
def test_a_released_gan_loads_and_samples_the_same(strategy: str, arch: str, images: ImageSet, tmp_path: Path) -> None:
    """Whatever a strategy put inside the nets, the release rebuilds from its manifest."""
    moved = move(autoencoder(arch), strategy, images)
    training = {"batch": 8, "checkpoint_every": 100, "sample_every": 100}
    run = zoo.train(moved, images, out=tmp_path / "run", images=16, training=training)
    run.release(tmp_path / "release", license="CC0-1.0", name="tiny.test")
    pair = zoo.load(tmp_path / "release")
    assert torch.equal(pair.gan.sample(4), run.gan.sample(4))
    x = images.batch(images.held_out[:4])
    assert torch.equal(pair.gan.realness(x), run.gan.realness(x))


# ---------------------------------------------------------------- refusals


def test_strategies_that_fill_one_exclusive_slot_are_refused_by_name() -> None:
    """The error names both and the slot."""
    with pytest.raises(TransferError, match=r"gaussian-prior.*gmm-prior.*prior"):
        choose("gaussian-prior+gmm-prior")
