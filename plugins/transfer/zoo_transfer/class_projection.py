"""A discriminator that takes a class or attributes: what it sees is compared with a vector of the class."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    Autoencoder,
    CompositionError,
    DataSpec,
    Discriminator,
    DiscriminatorOutput,
    PartSpec,
    Slot,
    TransferPlan,
    TransferStrategy,
    build_discriminator,
    condition_arguments,
    takes_condition,
)
from zoo_transfer.class_embedding import embedded, embedding_of, require_condition, wrapped_with_class
from zoo_transfer.configs.classes import ClassProjectionConfig, ProjectionDiscriminatorConfig
from zoo_transfer.gan_parts import drawn_seed

__all__ = ["ClassProjection", "ProjectionDiscriminator", "last_channels", "seen_in"]


_GAIN = 4.0
"""How much faster than weights the vectors learn with Adam."""


class ProjectionDiscriminator(Discriminator):
    """D(x, y) = D(x) + v(y) . phi(x), phi the last stage's channels, averaged over places (Miyato and Koyama 2018,
    "cGANs with projection discriminator", equation 3). v starts at 0, so that training starts from D."""

    conditional = True

    def __init__(self, config: ProjectionDiscriminatorConfig, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        condition = require_condition(data, "class-projection")
        channels = last_channels(config.base, data, "class-projection")
        self.embedding = embedding_of(condition, channels)
        seed, device = drawn_seed(), torch.get_default_device().type
        self.base = build_discriminator(config.base, data, seed=seed, device=device)
        self.logit_groups = self.base.logit_groups

    @property
    def always_frozen(self) -> tuple[str, ...]:
        """What the base never trains."""
        return tuple(f"base.{child}" for child in getattr(self.base, "always_frozen", ()))

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape), classes (N,) or attributes (N, k) -> the base's logits, each with the class's agreement
        added, and the base's stages."""
        assert condition is not None, "it is conditional"
        logits, stages = self.base.discriminate(x, *condition_arguments(self.base, condition))
        agreement = _GAIN * (embedded(self.embedding, condition) * seen_in(stages)).sum(1, keepdim=True)
        return DiscriminatorOutput(logits + agreement, stages)


class ClassProjection(TransferStrategy):
    """D := D + v(y) . phi(x) with a trained vector v(y) for each class, or a trained map of the attributes (Miyato and
    Koyama 2018, "cGANs with projection discriminator"). It wraps any discriminator that has stages, also one that
    already has the encoder's weights."""

    slots = frozenset({Slot.WRAP})
    requires = frozenset()

    def __init__(self, config: ClassProjectionConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A discriminator that wraps the GAN's own; no edits."""
        settings = ProjectionDiscriminatorConfig(gan.specs["discriminator"])
        return wrapped_with_class(gan, "discriminator", "class-projection", settings, "base")

    def noop_config(self) -> None:
        """None: the vectors learn from the first step."""


def last_channels(discriminator: PartSpec, data: DataSpec, owner: str) -> int:
    """The channels of the discriminator's last stage, for labelled data. Raises CompositionError if it has no
    stages."""
    known = require_condition(data, owner)
    with torch.device("meta"):
        built = build_discriminator(discriminator, data, device="meta")
        condition = torch.zeros(2, known.width) if known.attributes else torch.zeros(2, dtype=torch.int64)
        arguments = (condition,) if takes_condition(built) else ()
        stages = built.discriminate(torch.zeros(2, *data.shape), *arguments).stages
    if not stages:
        raise CompositionError(
            f"{owner}: discriminator {discriminator.component} gives no stages that a class could be seen in",
            "Use an encoder, such as dcgan or r3gan.",
        )
    return int(stages[-1].shape[1])


def seen_in(stages: tuple[Tensor, ...]) -> Tensor:
    """The last stage (N, C, ...), averaged over places: (N, C)."""
    return stages[-1].flatten(2).mean(2) if stages[-1].dim() > 2 else stages[-1]
