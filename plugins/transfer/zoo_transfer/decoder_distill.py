"""A generator of any structure learns the decoder's images before the game begins."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    DataSpec,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    convert_samples,
    edit_each,
    evaluating,
    fit_gaussian,
    memoize,
    seeded,
    stream,
)
from zoo_transfer.configs.weights import DecoderDistillConfig
from zoo_transfer.decoder_init import warm_start
from zoo_transfer.gaussian_prior import project

__all__ = ["DecoderDistill", "around", "learn_images"]

_JITTER = 0.3


class DecoderDistill(TransferStrategy):
    """min_G |G(z) - Dec(c)| / n over codes c where the autoencoder's lie, z the same code as G takes it: the decoder's
    function for a generator that cannot take its weights (distillation: Hinton et al. 2015; of a generator by its
    images: Aguinaldo et al. 2019, "Compressing GANs using knowledge distillation").

    Half of the codes are those of the target's images, moved by a fraction of the difference of two others; half come
    from the Gaussian fitted to them. Where G takes another number of values, z is c on its principal components, scaled
    to N(0, I); what G takes beyond them is noise. No image is shown to anyone; the time it takes is the run's.
    """

    slots = frozenset({Slot.GENERATOR, Slot.SCHEDULE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: DecoderDistillConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Every tensor of the generator is fitted; none is touched with 0 steps."""
        config = self.config
        planned = TransferPlan(gan, schedules=warm_start(config))
        if not config.steps:
            return planned
        if source.latent_dim != gan.latent_dim:
            project(planned, source.latent_dim, gan.latent_dim)
        student = gan.generator  # by itself, also where a later strategy puts it inside another
        taught = memoize(
            lambda context: learn_images(config, context, student, gan.data, planned.to_latent).state_dict()
        )

        names = list(gan.generator.state_dict())
        how = f"{config.steps} steps on the decoder's images"
        planned.edits += edit_each("generator", names, "fitted", how, taught)
        planned.required_tensors["generator"] = set(names)
        return planned

    def noop_config(self) -> DecoderDistillConfig:
        """No steps, no schedule."""
        return DecoderDistillConfig(steps=0, warmup_images=0, ramp_images=0)


def learn_images(
    config: DecoderDistillConfig, context: ApplyContext, student: nn.Module, data: DataSpec, to_latent: nn.Module | None
) -> nn.Module:
    """A copy of the student that makes what the decoder makes, trained with Adam, its rate falling to 0 as a cosine;
    in the mode it was in."""
    rng = stream(config.seed, "decoder-distill")
    source, generator = context.source, copy.deepcopy(student)
    was = generator.training
    device = next(generator.parameters()).device
    codes = context.codes()
    gaussian = fit_gaussian(codes)
    adam = torch.optim.Adam(generator.train().parameters(), config.learning_rate)
    with seeded(config.seed, "decoder-distill"), evaluating(source), torch.enable_grad():
        for step in range(config.steps):
            adam.param_groups[0]["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
            code = around(codes, gaussian.mean, gaussian.scale, config.batch, rng).to(device)
            with torch.no_grad():
                target = convert_samples(source.decode(code), source.data, data)
                z = code if to_latent is None else to_latent(code)
                z[:, code.shape[1] :].normal_(generator=rng)  # read by nobody
            loss = (generator(z) - target).abs().mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return generator.train(was)


def around(codes: Tensor, mean: Tensor, scale: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n codes: the first half near those given, the others from N(mean, scale scale^T)."""
    near = n // 2
    rows = torch.randint(len(codes), (3, near), generator=rng)
    transferred = codes[rows[0]] + _JITTER * (codes[rows[1]] - codes[rows[2]])
    drawn = mean + torch.randn(n - near, len(mean), generator=rng, dtype=mean.dtype) @ scale.T
    return torch.cat([transferred, drawn.to(transferred.dtype)])
