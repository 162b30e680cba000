"""Moment matching: means and variances of the encoder's features agree for real and generated images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    AdversarialObjective,
    ApplyContext,
    Autoencoder,
    AuxiliaryLoss,
    DataSpec,
    Edit,
    Side,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
    all_reduce_mean,
    convert_samples,
    edit_each,
    evaluating,
    memoize,
)
from zoo_transfer.configs.losses import FeatureMomentsConfig
from zoo_transfer.teachers import Teacher, build_teacher, stage_shapes, teacher_edits

__all__ = ["FeatureMoments", "MomentMatchingLoss", "ZeroObjective", "moments_of"]

_CHUNK = 256


class MomentMatchingLoss(AuxiliaryLoss):
    """sum_l [ ||(mu_l - m_l) / s_l||^2 + ||(s_l^2 - v_l) / s_l^2||^2 ] / n_l over the stages of a frozen encoder.

    mu_l and s_l are the real images' mean and standard deviation of each feature. m_l and v_l are moving averages of
    the generated batches' mean and variance; the newest batch gets the gradient of the average as its own
    (straight-through), as its share alone would be too small. All are buffers; `seen` counts the batches.
    """

    side = Side.GENERATOR
    seen: Tensor

    def __init__(self, config: FeatureMomentsConfig, teacher: Teacher, shapes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        device = next(teacher.parameters()).device
        for i, shape in enumerate(shapes):
            for name in ("real_mean", "real_variance", "mean", "variance"):
                self.register_buffer(f"{name}_{i}", torch.zeros(shape, device=device))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64, device=device))

    def weight(self, shown: int) -> float:
        """Constant."""
        return self.config.weight

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        stages = self.teacher.features(context.fake).stages
        # the first batch is its own average
        keep = torch.where(self.seen > 0, self.config.keep, 0.0)
        total = context.fake.new_zeros(())
        for i, stage in enumerate(stages):
            real_mean, real_variance = getattr(self, f"real_mean_{i}"), getattr(self, f"real_variance_{i}")
            scale = real_variance + 1e-3 * real_variance.mean() + 1e-8
            mean = self._moving_average(f"mean_{i}", stage.mean(0), keep)
            variance = self._moving_average(f"variance_{i}", stage.var(0, unbiased=False), keep)
            total = total + ((real_mean - mean).square() / scale).mean()
            total = total + ((real_variance - variance) / scale).square().mean()
        self.seen += 1
        return total

    def _moving_average(self, name: str, new: Tensor, keep: Tensor) -> Tensor:
        """Update the buffer; its value, with the gradient of `new`."""
        average = getattr(self, name)
        average.copy_(keep * average + (1 - keep) * all_reduce_mean(new.detach()))
        return average.clone() + (new - new.detach())


class ZeroObjective(AdversarialObjective):
    """Both adversarial losses are 0."""

    def d_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake_output.logits.sum() * 0.0

    def g_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake.sum() * 0.0


class FeatureMoments(TransferStrategy):
    """L_G += w sum_l [ ||(mu_l - m_l) / s_l||^2 + ||(s_l^2 - v_l) / s_l^2||^2 ] / n_l over all stages of the encoder
    (GFMN: dos Santos et al. 2019, "Learning implicit generative models by matching perceptual features"; their FID is
    173 with one layer of VGG and 28 with sixteen).

    `alone` is GFMN proper: there is no adversarial loss, and D is not trained.
    """

    requires = frozenset({Source.ENCODER, Source.IMAGES})

    def __init__(self, config: FeatureMomentsConfig) -> None:
        self.config = config
        alone = {Slot.OBJECTIVE, Slot.SCHEDULE} if config.alone else set()
        self.slots = frozenset({Slot.LOSS, *alone})

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss, with a copy of the encoder and the real images' moments."""
        teacher = build_teacher(source, gan)
        shapes = stage_shapes(teacher.encoder, source.data)
        edits, names = teacher_edits(source, teacher, "losses.moments")
        fitted = memoize(lambda context: _moment_buffers(context, gan.data))
        moments: list[Edit] = []
        for i in range(len(shapes)):
            tensors = (f"real_mean_{i}", f"real_variance_{i}")
            moments += edit_each("losses.moments", tensors, "fitted", f"stage {i} of the images", fitted)
        planned = TransferPlan(
            gan,
            edits + moments,
            losses={"moments": MomentMatchingLoss(self.config, teacher, shapes)},
            frozen={"losses.moments": names},
            required_tensors={"losses.moments": names | {edit.tensor for edit in moments}},
        )
        if self.config.alone:
            planned.objective = ZeroObjective()
            planned.schedules["discriminator.lr"] = [_never]
        return planned

    def noop_config(self) -> FeatureMomentsConfig:
        """Weight 0."""
        return FeatureMomentsConfig(weight=0.0)


def moments_of(encoder: nn.Module, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The mean and the variance of every feature of each stage over images (N, ...), in eval mode, summed in
    float64."""
    sums: list[tuple[Tensor, Tensor]] = []
    with evaluating(encoder), torch.no_grad():
        for chunk in images.split(_CHUNK):
            stages = [stage.double() for stage in encoder.features(chunk).stages]  # type: ignore[operator]
            new = [(stage.sum(0), stage.square().sum(0)) for stage in stages]
            sums = [(a + c, b + d) for (a, b), (c, d) in zip(sums, new, strict=True)] if sums else new
    n = len(images)
    return [((a / n).float(), (b / n - (a / n).square()).clamp(min=0).float()) for a, b in sums]


def _moment_buffers(context: ApplyContext, data: DataSpec) -> dict[str, Tensor]:
    images = convert_samples(context.images(), data, context.source.data)
    buffers: dict[str, Tensor] = {}
    for i, (mean, variance) in enumerate(moments_of(context.source.encoder, images)):
        buffers |= {f"real_mean_{i}": mean, f"real_variance_{i}": variance}
    return buffers


def _never(shown: int) -> float:
    return 0.0
