"""A GAN on codes: a small network maps noise to codes of the frozen decoder."""

from __future__ import annotations

import math
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
    require_same_data,
    seeded,
    to_plain,
)
from zoo_transfer.configs.objectives import LatentGANConfig, LatentGeneratorConfig
from zoo_transfer.decoder_init import WarmStart
from zoo_transfer.gan_parts import device_of, require_same_latent, with_component
from zoo_transfer.teachers import Teacher, build_teacher, teacher_edits

__all__ = ["CodeTask", "LatentGAN", "LatentGenerator", "dense"]

_SLOPE = 0.2
_RAMP_START = 0.25


class LatentGenerator(Generator):
    """x = Dec(mean + scale g(e)); g, the `mapper`, maps noise e to standardised codes."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: LatentGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        device = torch.get_default_device().type
        d = math.prod(code_shape)
        self.mapper = dense((d, *config.widths, d))
        self.register_buffer("mean", torch.zeros(d))
        self.register_buffer("scale", torch.ones(d))
        self.generator = build_part("generator", config.generator, "decoder", data, code_shape, device=device)

    @property
    def first(self) -> nn.Linear | None:  # type: ignore[override]
        """The mapper's first layer."""
        layer = self.mapper[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def codes(self, z: Tensor) -> Tensor:
        """Noise (N, *code_shape) -> codes (N, *code_shape) for the decoder."""
        return (self.mean + self.scale * self.standard_codes(z)).view(-1, *self.code_shape)

    def standard_codes(self, z: Tensor) -> Tensor:
        """Noise (N, *code_shape) -> standardised codes (N, d)."""
        return self.mapper(z.flatten(1))

    def standardise(self, codes: Tensor) -> Tensor:
        """Codes (N, *code_shape) -> standardised codes (N, d), as g gives them."""
        return (codes.flatten(1) - self.mean) / self.scale

    def forward(self, z: Tensor) -> Tensor:
        """Noise (N, *code_shape) -> x (N, *data.shape)."""
        return self.generator(self.codes(z))


class CodeTask(nn.Module):
    """A `GANTask` on codes: a critic compares the standardised codes of real images with g(e), and sees no image."""

    groups: tuple[int, ...] = (1,)

    def __init__(self, teacher: Teacher, critic: nn.Module, generator: LatentGenerator, every: int) -> None:
        super().__init__()
        self.teacher = teacher
        self.critic = critic
        self.every = every
        self._generator = (generator,)  # not a child: the GAN has its parameters

    @torch.no_grad()
    def real(self, images: Tensor, indices: Tensor) -> Tensor:
        """Images (N, *data.shape) -> standardised codes (N, d)."""
        return self._generator[0].standardise(self.teacher.code(images))

    @property
    def judges(self) -> DataSpec:
        """Standardised flat codes."""
        return DataSpec((math.prod(self._generator[0].code_shape),), kind="code", bounded=False)

    def fake(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Noise (N, *code_shape) -> standardised codes (N, d)."""
        return self._generator[0].standard_codes(z)

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Standardised codes (N, d) -> the critic's value (N, 1)."""
        return DiscriminatorOutput(self.critic(x), ())

    def trained_modules(self, side: Side) -> Mapping[str, nn.Module]:
        """g, or the critic."""
        return {"mapper": self._generator[0].mapper} if side is Side.GENERATOR else {"critic": self.critic}


class LatentGAN(TransferStrategy):
    """G = Dec o g with Dec frozen; g and a critic are trained as a WGAN-GP on codes (l-GAN: Achlioptas et al. 2018,
    "Learning representations and generative models for 3D point clouds"; WGAN-GP: Gulrajani et al. 2017).

    g models the codes' distribution, so no fitted prior goes with it. Samples cannot be sharper than the decoder's
    reconstructions; therefore an optional second phase trains g and the decoder against the discriminator of images.
    """

    slots = frozenset({Slot.GENERATOR, Slot.PRIOR, Slot.OBJECTIVE, Slot.TASK, Slot.FREEZE, Slot.RECIPE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: LatentGANConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator that wraps the GAN's own, the decoder's weights in that, and a task on codes."""
        require_same_data(source, gan, "latent-gan")
        require_same_latent(source, gan, "latent-gan")
        config = self.config
        settings = LatentGeneratorConfig(gan.specs["generator"], config.widths)
        wrapped = with_component(gan, "generator", "latent-gan", settings, inner="generator", seed=config.seed)
        generator = wrapped.generator
        assert isinstance(generator, LatentGenerator)
        teacher = build_teacher(source, gan)
        with seeded(config.seed, "latent-gan/critic", device_of(gan)), torch.device(device_of(gan)):
            critic = dense((source.code_size, *config.widths, 1))
        edits = map_weights(source.decoder, "decoder", gan.generator, "generator", "generator.")
        decoder = {edit.tensor for edit in edits}
        edits += [
            Edit("generator", "mean", "fitted", "mean of the codes", _mean),
            Edit("generator", "scale", "fitted", "standard deviation of the codes", _scale),
        ]
        copies, teacher_names = teacher_edits(source, teacher, "task")
        penalty = PartSpec("core/gradient-penalty", {"gamma": config.penalty})
        planned = TransferPlan(
            wrapped,
            edits + copies,
            task=CodeTask(teacher, critic, generator, config.critic_steps),
            frozen={"generator": decoder, "task": teacher_names},
            recipe={"objective": "core/wasserstein", "regulariser": to_plain(penalty)},
            required_tensors={"generator": decoder | {"mean", "scale"}, "task": set(teacher_names)},
            notes=activation_mismatch(source.decoder, gan.generator, "latent-gan"),
        )
        if config.joint_after < 1.0:
            planned.phases.append(self._joint_phase(wrapped, decoder))
            planned.notes.append(f"latent-gan: images are judged once {config.joint_after:.0%} of the budget is spent")
        return planned

    def noop_config(self) -> None:
        """None: the critic compares codes, not images."""

    def _joint_phase(self, gan: GAN, decoder: set[str]) -> TrainingPhase:
        """Train g and the decoder against D on images, after a warm-up of D alone."""
        config = self.config
        task = ImageTask(gan, config.critic_steps)
        warm = WarmStart(config.joint_warmup_images, config.joint_ramp_images, _RAMP_START, accuracy=0.8)
        return TrainingPhase(config.joint_after, {"generator": set(decoder)}, task, {"generator.lr": [warm]})


def dense(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with LeakyReLU between them, initialised to keep the variance (He et al. 2015, equation 10)."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        layer = nn.Linear(a, b)
        gain = nn.init.calculate_gain("leaky_relu", _SLOPE) if i else 1.0
        nn.init.normal_(layer.weight, 0.0, gain / a**0.5)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.LeakyReLU(_SLOPE)]
    return nn.Sequential(*layers[:-1])


def _mean(context: ApplyContext) -> Tensor:
    return context.codes().flatten(1).mean(0)


def _scale(context: ApplyContext) -> Tensor:
    return context.codes().flatten(1).std(0, unbiased=False).clamp(min=1e-6)
