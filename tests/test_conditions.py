"""Conditions: classes go from the data's labels through prior, generator, discriminator and losses to the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_transfers import make_trainer, run
from test_plugin_life_cycle import Site, site  # noqa: F401

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError, TransferError
from zoo.networks.gan import GAN
from zoo.testing.conformance.cases import GeneratorCase
from zoo.testing.conformance.networks import a_condition_changes_its_own_output_alone
from zoo.testing.conformance.plugin import check_plugin
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.plan import TransferPlan
from zoo.types import Condition, DataSpec, Event, PartSpec

CONFIG = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Config:
        scale: float = 1.0
"""
PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [
            Component("generator", "picture", "NAME_net:PictureGenerator", "NAME_config:Config", "a picture per class"),
            Component("discriminator", "projection", "NAME_net:Projection", "NAME_config:Config", "Miyato, Koyama 2018"),
            Component("prior", "shifted", "NAME_net:ShiftedPrior", "NAME_config:Config", "N(class, 1)"),
        ]
"""
NET = """
    import torch
    from torch import nn
    from zoo.plugin import CompositionError, Discriminator, DiscriminatorOutput, Generator, Prior
    class PictureGenerator(Generator):
        conditional = True
        first = None
        def __init__(self, config, data, code_shape):
            super().__init__()
            if data.condition is None:
                raise CompositionError("it needs classes")
            self.data, self.code_shape = data, code_shape
            self.picture = nn.Embedding(data.condition.width, data.size)
            self.map = nn.Linear(code_shape[0], data.size)
        def forward(self, z, condition):
            return torch.tanh(self.map(z) + self.picture(condition)).view(-1, *self.data.shape)
    class Projection(Discriminator):
        conditional = True
        logit_groups = (1,)
        def __init__(self, config, data):
            super().__init__()
            self.data = data
            self.score = nn.Linear(data.size, 1)
            self.embedding = nn.Embedding(data.condition.width if data.condition else 1, data.size)
        def discriminate(self, x, condition):
            flat = x.flatten(1)
            logits = self.score(flat) + (self.embedding(condition) * flat).sum(1, keepdim=True)
            return DiscriminatorOutput(logits, ())
    class ShiftedPrior(Prior):
        conditional = True
        def __init__(self, config, code_shape):
            super().__init__()
            self.code_shape = code_shape
        def sample(self, n, rng=None, condition=None):
            return torch.randn(n, *self.code_shape, generator=rng) + condition[:, None]
"""


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """64 images in two classes: 48 have a bright left half, 16 a bright right half."""
    labels = np.arange(64) % 4 == 3
    pictures = np.random.default_rng(0).integers(0, 60, (64, 8, 8)).astype(np.uint8)
    pictures[~labels, :, :4] += 180
    pictures[labels, :, 4:] += 180
    np.savez(tmp_path / "halves.npz", images=pictures, labels=labels.astype(np.int64), train=np.arange(64) < 56)
    return open_images(tmp_path / "halves.npz")


@pytest.fixture
def plugin(site: Site) -> None:  # noqa: F811
    site.add("classes", PLUGIN, net=NET, config=CONFIG)


def compose(images: ImageSet, **parts: str) -> GAN:
    chosen = {"generator": "picture", "discriminator": "projection", "prior": "shifted"} | parts
    return zoo.gan(**chosen, data=images.spec, code_shape=4, seed=0)


def test_classes_come_from_the_labels_with_their_shares(images: ImageSet) -> None:
    assert images.spec.condition == Condition(("0", "1"), shares=(0.75, 0.25))
    assert open_images("mnist5k", limit=50).spec.condition is not None
    assert len(open_images("mnist5k", limit=50).spec.condition.classes) == 10  # type: ignore[union-attr]


@pytest.mark.usefixtures("plugin")
def test_the_samples_are_of_the_class_that_was_asked_for(images: ImageSet) -> None:
    gan = compose(images)
    trainer = GANTrainer(
        TransferPlan(gan), images, AdversarialTraining(batch=16, generator_lr=0.01, discriminator_lr=0.01), 0
    )
    run(trainer, images, 400)

    def left_is_brighter(samples: torch.Tensor) -> torch.Tensor:
        return samples[..., :4].mean((1, 2, 3)) > samples[..., 4:].mean((1, 2, 3))

    assert left_is_brighter(gan.sample(32, classes="0")).all()
    assert not left_is_brighter(gan.sample(32, classes="1")).any()
    mixed = gan.sample(4, classes=["0", "1", "1", "0"])
    assert left_is_brighter(mixed).tolist() == [True, False, False, True]
    assert 0.5 < left_is_brighter(gan.sample(400)).float().mean() < 0.95  # the training images' share is 0.75


@pytest.mark.usefixtures("plugin")
def test_asking_for_what_there_is_not_is_refused(images: ImageSet) -> None:
    gan = compose(images)
    with pytest.raises(ConfigError, match="no class 'dress'"):
        gan.sample(2, classes="dress")
    with pytest.raises(ConfigError, match="3 classes are given for 2"):
        gan.sample(2, classes=["0", "1", "1"])
    with pytest.raises(ConfigError, match="not trained with classes"):
        zoo.gan("mlp", data=images.spec).sample(2, classes="0")
    with pytest.raises(CompositionError, match="takes a class"):
        gan.generate(torch.zeros(2, 4))


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_a_conditional_network_of_data_without_labels_is_refused(role: str) -> None:
    name = {"generator": "picture", "discriminator": "projection"}[role]
    with pytest.raises(CompositionError, match=r"labels|classes"):
        zoo.gan(**{"generator": "mlp", "discriminator": "mlp", role: name}, shape=(1, 8, 8), code_shape=4)  # type: ignore[arg-type]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    "parts", [{}, {"generator": "mlp", "discriminator": "mlp"}, {"discriminator": "mlp", "prior": "normal"}]
)
def test_a_conditional_pair_is_trained_released_and_opened(
    images: ImageSet, tmp_path: Path, parts: dict[str, str]
) -> None:
    """Any of the three parts may take the class, alone too."""
    trained = zoo.train(compose(images, **parts), images, out=tmp_path / "run", images=96, training={"batch": 16})
    trained.release(tmp_path / "release", license="MIT")
    gan = zoo.load(tmp_path / "release").gan
    assert gan is not None
    assert gan.condition == images.spec.condition
    for classes in (None, "1"):
        assert torch.equal(gan.sample(6, classes=classes), trained.gan.sample(6, classes=classes))
    assert not torch.equal(gan.sample(6, classes="0"), gan.sample(6, classes="1"))


@pytest.mark.usefixtures("plugin")
def test_a_resumed_conditional_run_has_the_same_weights(images: ImageSet, tmp_path: Path) -> None:
    whole = zoo.train(
        compose(images), images, out=tmp_path / "a", images=96, training={"batch": 16, "checkpoint_every": 48}
    )

    def stop(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown:
            raise InterruptedError

    settings = {"batch": 16, "checkpoint_every": 48}
    with pytest.raises(InterruptedError):
        zoo.train(compose(images), images, out=tmp_path / "b", images=96, training=settings, watch=[stop])
    continued = zoo.resume(tmp_path / "b")
    assert torch.equal(whole.gan.sample(4), continued.gan.sample(4))


@pytest.mark.usefixtures("plugin")
def test_micro_batches_get_the_classes_of_their_rows(images: ImageSet) -> None:
    states = []
    for accumulate in (1, 4):
        from zoo.training.devices import Engine
        from zoo.training.recipe import EngineSection

        trainer = GANTrainer(
            TransferPlan(compose(images)),
            images,
            AdversarialTraining(batch=16),
            0,
            Engine(EngineSection(accumulate=accumulate)),
        )
        run(trainer, images, 3)
        states.append(trainer.gan.generator.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("plugin")
def test_batch_norm_is_recalibrated_on_codes_of_the_classes_in_their_shares(images: ImageSet) -> None:
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    gan = zoo.gan(PartSpec("mlp", {"norm": "batch"}), "mlp", prior="shifted", like=source)
    first = next(name for name, part in gan.generator.named_modules() if isinstance(part, torch.nn.BatchNorm1d))
    moved = zoo.transfer(source, gan, "recalibrated-norm", data=images).gan
    mean = moved.generator.get_submodule(first).running_mean
    assert gan.generator.first is not None
    expected = gan.generator.first(torch.full((4,), 0.25))  # a quarter of the images is of class 1, whose codes are 1
    torch.testing.assert_close(mean, expected.detach(), atol=0.1, rtol=0)


@pytest.mark.usefixtures("plugin")
def test_a_conditional_decoder_of_data_without_labels_is_refused(images: ImageSet) -> None:
    with pytest.raises(CompositionError, match="it needs classes"):
        zoo.autoencoder("mlp", "picture", data=images.without_labels().spec, code_shape=4)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("component", ["picture", "projection", "shifted"])
def test_the_kit_asks_for_cases_of_a_conditional_component(component: str) -> None:
    """Its own cases have no labels."""
    (failure,) = check_plugin("classes", component).failures
    assert failure.check == "at least one check runs"
    assert "classes" in failure.error or "no data with labels" in failure.error
    assert "give its record cases" in failure.error


@pytest.mark.usefixtures("plugin")
def test_a_fitted_prior_that_would_lose_the_classes_is_refused(images: ImageSet) -> None:
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    gan = zoo.gan("mlp", "projection", prior="shifted", like=source)
    with pytest.raises(TransferError, match=r"core/gmm|gmm-prior replaces the prior"):
        zoo.transfer(source, gan, "gmm-prior", data=images)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("strategy", ["miner", "feature-concat", "projected-heads"])
def test_strategies_that_wrap_a_conditional_network_pass_the_classes_on(images: ImageSet, strategy: str) -> None:
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    transferred = zoo.transfer(source, compose(images), strategy, data=images)
    run(make_trainer(transferred, images), images, 2)
    assert not torch.equal(transferred.gan.sample(4, classes="0"), transferred.gan.sample(4, classes="1"))


def test_labels_are_given_to_edits(images: ImageSet) -> None:
    from zoo.transfers.apply import apply
    from zoo.transfers.plan import Edit

    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    gan = zoo.gan(like=source)
    name = next(iter(gan.generator.state_dict()))
    seen = []

    def value(context):  # type: ignore[no-untyped-def]
        seen.append(context.labels())
        return context.nets["generator"].state_dict()[name]

    plan = TransferPlan(gan, [Edit("generator", name, "fitted", "x", value)])
    apply(plan, source, lambda: images.batch(images.train), lambda: images.conditions(images.train))
    assert torch.equal(seen[0], images.labels[images.train])  # type: ignore[index]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"classes": ("a", "b"), "attributes": ("c",)},
        {"classes": ("a", "a")},
        {"classes": ("a", "")},
        {"classes": ("a", "b"), "shares": (1.0,)},
        {"classes": ("a", "b"), "shares": (0.9, 0.9)},
        {"classes": ("a", "b"), "shares": (2.0, -1.0)},
    ],
)
def test_a_condition_that_does_not_hold_together_is_refused(facts: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ConfigError):
        Condition(**facts)  # type: ignore[arg-type]


def test_labels_that_differ_from_a_runs_are_refused(images: ImageSet, tmp_path: Path) -> None:
    from dataclasses import replace

    from zoo.data.open import open_data
    from zoo.errors import DataError

    pinned = replace(images.pinned_config(), condition=Condition(("0", "7")))
    with pytest.raises(DataError, match="the class '1'"):
        open_data(pinned)
    assert open_data(images.pinned_config()).spec == images.spec
    assert DataSpec((1, 8, 8), condition=Condition(("0", "7"))).condition is not None


class Takes(torch.nn.Module):
    """A generator that takes a class: of each sample, of the batch as a whole, or not at all."""

    conditional, first = True, None

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.code_shape, self.vectors = how, (5,), torch.nn.Embedding(2, 64)

    def forward(self, z: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        vectors = self.vectors(condition)
        shift = {"each": vectors, "batch": vectors.mean(0, keepdim=True), "none": 0 * vectors}[self.how]
        return (z.sum(1, keepdim=True) + shift).view(-1, 1, 8, 8)


@pytest.mark.parametrize(("how", "said"), [("each", ""), ("batch", "beside an input"), ("none", "changes nothing")])
def test_the_kit_wants_a_class_to_change_its_own_sample_alone(how: str, said: str) -> None:
    class Case(GeneratorCase):
        def build(self, seed: int = 0, device: str = "cpu") -> torch.nn.Module:
            return Takes(how)

    case = Case("takes", code_shape=(5,), data=DataSpec((1, 8, 8), condition=Condition(("a", "b"))))
    if not said:
        a_condition_changes_its_own_output_alone(case)
        return
    with pytest.raises(AssertionError, match=said):
        a_condition_changes_its_own_output_alone(case)
