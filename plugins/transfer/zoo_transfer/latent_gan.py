"""A GAN on codes: a small generator of codes in front of the frozen decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    DataSpec,
    DiscriminatorOutput,
    Edit,
    Generator,
    ImageTask,
    PartSpec,
    Side,
    Slot,
    Source,
    TrainingPhase,
    TransferPlan,
    TransferStrategy,
    activation_mismatch,
    build_part,
    map_weights,
    normalise,
    require_same_data,
    seeded,
    to_plain,
)
from zoo_transfer.configs.objectives import LatentGanConfig, LatentGeneratorConfig
from zoo_transfer.decoder_init import WarmStart
from zoo_transfer.kept_prior import require_same_latent
from zoo_transfer.teachers import Teacher, device_of, parts_of, teacher_of

__all__ = ["CodeTask", "LatentGan", "LatentGenerator", "dense"]

_SLOPE = 0.2
_START = 0.25
"""Of its learning rate, where the decoder begins to learn."""


class LatentGenerator(Generator):
    """x = Dec(mean + scale g(e)): g makes standardised codes of noise."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: LatentGeneratorConfig, data: DataSpec, latent_dim: int) -> None:
        super().__init__()
        self.data = data
        self.latent_dim = latent_dim
        device = torch.get_default_device().type
        self.mapper = dense((latent_dim, *config.widths, latent_dim))
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))
        self.generator = build_part("generator", config.generator, "decoder", data, latent_dim, device=device)

    @property
    def first(self) -> nn.Linear | None:  # type: ignore[override]
        """The mapper's first layer."""
        layer = self.mapper[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def codes(self, z: Tensor) -> Tensor:
        """Noise (N, latent_dim) -> codes (N, latent_dim) as the decoder takes them."""
        return self.mean + self.scale * self.mapper(z)

    def standardise(self, codes: Tensor) -> Tensor:
        """Codes -> what g makes."""
        return (codes - self.mean) / self.scale

    def forward(self, z: Tensor) -> Tensor:
        """Noise (N, latent_dim) -> x (N, *data.shape)."""
        return self.generator(self.codes(z))


class CodeTask(nn.Module):
    """Real: the standardised codes of the images; fake: g(e); the critic never sees an image."""

    groups: tuple[int, ...] = (1,)

    def __init__(self, teacher: Teacher, critic: nn.Module, generator: LatentGenerator, every: int) -> None:
        super().__init__()
        self.teacher = teacher
        self.critic = critic
        self.every = every
        self._generator = (generator,)

    @torch.no_grad()
    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """Images (N, *data.shape) -> standardised codes (N, latent_dim)."""
        return self._generator[0].standardise(self.teacher.code(images))

    def fake(self, z: Tensor) -> Tensor:
        """Noise -> standardised codes."""
        return self._generator[0].mapper(z)

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        """Standardised codes (N, latent_dim) -> the critic's value (N, 1)."""
        return DiscriminatorOutput(self.critic(x), ())

    def trained_modules(self, side: Side) -> Mapping[str, nn.Module]:
        """g, or the critic."""
        return {"mapper": self._generator[0].mapper} if side is Side.GENERATOR else {"critic": self.critic}


class LatentGan(TransferStrategy):
    """G = Dec o g with Dec frozen; g and a critic play WGAN-GP on codes (l-GAN: Achlioptas et al. 2018, "Learning
    representations and generative models for 3D point clouds"). g is the prior of the codes, so no fitted one goes with
    it. It cannot draw sharper than the decoder does, so in an optional second phase the decoder learns too, against the
    discriminator of images."""

    slots = frozenset({Slot.GENERATOR, Slot.PRIOR, Slot.OBJECTIVE, Slot.TASK, Slot.FREEZE, Slot.RECIPE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: LatentGanConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator around the one that is there, with the decoder's values in it, and a game on codes."""
        require_same_data(source, gan, "latent-gan")
        config = self.config
        require_same_latent(source, gan, "latent-gan")
        device = device_of(gan)
        settings = LatentGeneratorConfig(gan.specs["generator"], config.widths)
        spec = normalise("generator", PartSpec("transfer/latent-gan", to_plain(settings)))
        maker = build_part("generator", spec, "latent-gan", gan.data, gan.latent_dim, seed=config.seed, device=device)
        assert isinstance(maker, LatentGenerator)
        maker.generator = gan.generator
        teacher = teacher_of(source, gan)
        with seeded(config.seed, "latent-gan/critic"), torch.device(device):
            critic = dense((source.latent_dim, *config.widths, 1))
        task = CodeTask(teacher, critic, maker, config.critic_steps)
        edits = map_weights(source.decoder, "decoder", gan.generator, "generator", "generator.")
        decoder = {edit.tensor for edit in edits}
        edits += [
            Edit("generator", "mean", "fitted", "mean of the codes", _mean),
            Edit("generator", "scale", "fitted", "standard deviation of the codes", _scale),
        ]
        taught, names = parts_of(source, teacher, "task")
        phases, notes = [], activation_mismatch(source.decoder, gan.generator, "latent-gan")
        if config.joint_after < 1.0:
            phases.append(self._joint(GAN(gan.prior, maker, gan.discriminator, gan.specs), decoder))
            notes.append(f"latent-gan: images are judged once {config.joint_after:.0%} of the budget is spent")
        penalty = PartSpec("core/gradient-penalty", {"gamma": config.penalty})
        return TransferPlan(
            GAN(gan.prior, maker, gan.discriminator, gan.specs | {"generator": spec}),
            edits + taught,
            task=task,
            frozen={"generator": decoder, "task": names},
            recipe={"objective": "core/wasserstein", "regulariser": to_plain(penalty)},
            required_tensors={"generator": decoder | {"mean", "scale"}, "task": set(names)},
            phases=phases,
            notes=notes,
        )

    def _joint(self, gan: GAN, decoder: set[str]) -> TrainingPhase:
        """The second phase: g, the decoder and D play on images, D alone at first."""
        config = self.config
        task = ImageTask(gan, config.critic_steps)
        warm = WarmStart(config.joint_warmup_images, config.joint_ramp_images, _START, accuracy=0.8)
        return TrainingPhase(config.joint_after, {"generator": set(decoder)}, task, {"generator.lr": [warm]})

    def noop_config(self) -> None:
        """None: codes are judged, not images."""


def dense(sizes: Sequence[int]) -> nn.Sequential:
    """Linear maps with LeakyReLU between them, started so that the scale is kept (He et al. 2015)."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        layer = nn.Linear(a, b)
        gain = nn.init.calculate_gain("leaky_relu", _SLOPE) if i else 1.0
        nn.init.normal_(layer.weight, 0.0, gain / a**0.5)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers[:-1])


def _mean(context: ApplyContext) -> Tensor:
    return context.codes().mean(0)


def _scale(context: ApplyContext) -> Tensor:
    return context.codes().std(0, unbiased=False).clamp(min=1e-6)
