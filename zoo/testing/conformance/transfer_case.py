"""The case of a transfer strategy, and steps of training as the trainer takes them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import autoencoder, build_autoencoder, gan
from zoo.networks.gan import GAN
from zoo.testing.conformance.cases import SMALL, ComponentCase
from zoo.testing.conformance.conditions import numbered_conditions
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.training.trainer import seeded_step
from zoo.transfers.apply import apply
from zoo.transfers.plan import FurtherSource, Source, TransferPlan, TransferStrategy
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import DataSpec, PartLike, PartSpec

__all__ = ["STEPS", "TRAINING", "TransferCase", "copied", "same", "self_source", "steps", "trainer_of"]

STEPS = 20
TRAINING = AdversarialTraining(batch=8, images=8 * STEPS)


@dataclass(frozen=True)
class TransferCase(ComponentCase):
    """A strategy, and a small autoencoder to transfer from (8 px grey images; needs the plugin of its parts). One that
    goes on from a trained GAN of codes gets one of `code_network`, for codes of that autoencoder. The GAN to transfer
    into has the generator `gan_generator`, by default one like the decoder."""

    encoder: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    generator: PartLike = field(default_factory=lambda: PartSpec("dcgan", {"width": 4}))
    bottleneck: PartLike = "gaussian"
    code_network: PartLike = field(default_factory=lambda: PartSpec("mlp", {"widths": (8,)}))
    gan_generator: PartSpec | None = None
    data: DataSpec = SMALL
    code_shape: tuple[int, ...] = (6,)
    kind = "transfer"

    def source(self, device: str = "cpu") -> Autoencoder:
        """The autoencoder to transfer from."""
        return autoencoder(
            self.encoder,
            self.generator,
            bottleneck=self.bottleneck,
            data=self.data,
            code_shape=self.code_shape,
            seed=1,
            device=device,
        ).eval()

    def gan(self, device: str = "cpu") -> GAN:
        """The GAN to transfer into, with fresh weights."""
        if Source.GAN in self.build().requires:
            codes = DataSpec(self.code_shape, kind="code", bounded=False)
            net = self.code_network
            return gan(net, net, data=codes, code_shape=self.code_shape, seed=2, device=device)
        return gan(self.gan_generator, like=self.source("meta"), seed=2, device=device)

    def scratch(self) -> GAN:
        """A GAN with fresh weights and the samples of the planned one."""
        if Source.GAN in self.build().requires:
            return self.planned(self.source(), self.gan()).gan
        return self.gan()

    def further(self, source: Autoencoder, part: PartSpec | None = None) -> dict[str, FurtherSource]:
        """The source itself, in place of each further source that the strategy uses."""
        strategy = cast(TransferStrategy, plugins.build("transfer", part or self.spec))
        return dict.fromkeys(strategy.further, source)

    def attempt(self) -> None:
        """Plan on the meta device. Raises ConfigError if the strategy, or a part of the autoencoder, refuses."""
        self.planned(self.source("meta"), self.gan("meta"))

    def images(self) -> ImageSet:
        """64 images of noise, 48 of them to train on; with labels if the data has some."""
        return _images(self.data)

    def planned(self, source: Autoencoder, target: GAN, part: PartSpec | None = None) -> TransferPlan:
        """The plan for `target`."""
        return plan(source, target, resolve_strategies([part or self.spec]), self.further(source, part))

    def transferred(self, source: Autoencoder, target: GAN, part: PartSpec | None = None) -> TransferPlan:
        """The plan, applied to `target`, which is changed in place."""
        images = self.images()
        planned = self.planned(source, target, part)
        source = copy.deepcopy(source)
        rows, further = images.train, self.further(source, part)
        apply(planned, source, lambda: images.batch(rows), lambda: images.conditions(rows), further=further)
        return planned


def trainer_of(case: TransferCase, planned: TransferPlan) -> GANTrainer:
    """A trainer for the plan, with the plan's own settings."""
    plain = {**to_plain(TRAINING), **planned.recipe}
    training = from_plain(AdversarialTraining, plain, str(case))
    return GANTrainer(planned, case.images(), training, seed=0)


def self_source(case: TransferCase) -> Autoencoder:
    """An autoencoder with the scratch GAN's own weights."""
    scratch, specs = case.gan(), case.source("meta").specs
    source = build_autoencoder(specs, case.data, case.code_shape, seed=1)
    source.decoder.load_state_dict(copied(scratch.generator))
    source.encoder.load_state_dict(copied(cast(nn.Module, scratch.discriminator.encoder)))
    return source.eval()


def steps(trainer: GANTrainer, count: int, first: int = 0) -> Tensor:
    """Take steps as the training loop does, from step `first`; the rows of their batches."""
    batches = Batches(trainer.rows, TRAINING.batch, trainer.streams["data"])
    shown = []
    for i in range(first, first + count):
        shown.append(batches.next())
        seeded_step(trainer, shown[-1], i * TRAINING.batch)
    return torch.cat(shown)


def copied(module: nn.Module) -> dict[str, Tensor]:
    """A copy of a module's state dict."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two state dicts are bitwise equal."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _images(data: DataSpec) -> ImageSet:
    rng = stream(0, "conformance")
    pixels = (torch.rand(64, *data.shape, generator=rng) * 255).to(torch.uint8)
    rows = torch.arange(64)
    labels = None if data.condition is None else numbered_conditions(data.condition, rows)
    return ImageSet("noise", data, pixels, labels, rows[:48], rows[48:], "CC0-1.0", "")
