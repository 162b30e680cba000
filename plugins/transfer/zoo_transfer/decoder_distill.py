"""A generator of any architecture is trained on the decoder's images before adversarial training."""

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
from zoo_transfer.gaussian_prior import project_codes

__all__ = ["DecoderDistill", "distill_decoder", "sample_codes"]

_JITTER = 0.3


class DecoderDistill(TransferStrategy):
    """min_G E_c |G(z) - Dec(c)| / n over codes c of the autoencoder, with z the code c as G takes it: the decoder's
    function for a generator that cannot take its weights (distillation: Hinton et al. 2015, "Distilling the knowledge
    in a neural network"; of a generator by its images: Aguinaldo et al. 2019, "Compressing GANs using knowledge
    distillation").

    Half of the codes are those of the target's images, each shifted by a fraction of the difference of two others; half
    are drawn from a Gaussian fitted to them. If G has codes of another shape, z is c projected onto its principal
    components and scaled to N(0, I), and G's further values are noise. The images do not count as shown; the time
    counts as the run's.
    """

    slots = frozenset({Slot.GENERATOR, Slot.SCHEDULE})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER, Source.CODES})

    def __init__(self, config: DecoderDistillConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of every tensor of the generator; none with 0 steps."""
        config = self.config
        planned = TransferPlan(gan, schedules=warm_start(config))
        if not config.steps:
            return planned
        if source.code_shape != gan.code_shape:
            project_codes(planned, source, gan)
        student = gan.generator  # trained alone, even if a later strategy wraps it
        distilled = memoize(
            lambda context: distill_decoder(config, context, student, gan.data, planned.to_latent).state_dict()
        )
        names = list(gan.generator.state_dict())
        how = f"{config.steps} steps on the decoder's images"
        planned.edits += edit_each("generator", names, "fitted", how, distilled)
        planned.required_tensors["generator"] = set(names)
        return planned

    def noop_config(self) -> DecoderDistillConfig:
        """No steps, no schedule."""
        return DecoderDistillConfig(steps=0, warmup_images=0, ramp_images=0)


def distill_decoder(
    config: DecoderDistillConfig, context: ApplyContext, student: nn.Module, data: DataSpec, to_latent: nn.Module | None
) -> nn.Module:
    """A copy of the generator `student` of samples `data`, trained on the decoder's images with Adam.

    The learning rate falls to 0 as a cosine. `to_latent` maps source codes to z.
    """
    rng = stream(config.seed, "decoder-distill")
    source, generator = context.source, copy.deepcopy(student)
    was_training = generator.training
    device = next(generator.parameters()).device
    codes = context.codes().flatten(1)
    gaussian = fit_gaussian(codes)
    adam = torch.optim.Adam(generator.train().parameters(), config.learning_rate)
    with seeded(config.seed, "decoder-distill", device), evaluating(source), torch.enable_grad():
        for step in range(config.steps):
            adam.param_groups[0]["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
            code = sample_codes(codes, gaussian.mean, gaussian.scale, config.batch, rng).to(device)
            with torch.no_grad():
                target = convert_samples(source.decode(code.view(-1, *source.code_shape)), source.data, data)
                z = code.view(-1, *source.code_shape) if to_latent is None else to_latent(code)
                # values beyond the code's are noise: G learns to ignore them
                z.flatten(1)[:, code.shape[1] :].normal_(generator=rng)
            loss = (generator(z) - target).abs().mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return generator.train(was_training)


def sample_codes(codes: Tensor, mean: Tensor, scale: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n codes (n, d): half are rows of `codes` (N, d) with a shift, the others are from N(mean, scale scale^T)."""
    near = n // 2
    rows = torch.randint(len(codes), (3, near), generator=rng)
    shifted = codes[rows[0]] + _JITTER * (codes[rows[1]] - codes[rows[2]])
    gaussian = mean + torch.randn(n - near, len(mean), generator=rng, dtype=mean.dtype) @ scale.T
    return torch.cat([shifted, gaussian.to(shifted.dtype)])
