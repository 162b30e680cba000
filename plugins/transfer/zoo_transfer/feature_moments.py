"""Means and variances of the encoder's features, matched."""

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
from zoo_transfer.teachers import Teacher, parts_of, stage_shapes, teacher_of

__all__ = ["FeatureMoments", "Moments", "NoGame", "moments_of"]

_CHUNK = 256


class Moments(AuxiliaryLoss):
    """sum_l [ ||(mu_l - m_l) / s_l||^2 + ||(s_l^2 - v_l) / s_l^2||^2 ] / n_l over the stages of a frozen encoder.

    mu_l and s_l are the real images' mean and standard deviation of each feature (buffers); m_l and v_l are moving
    averages of the fakes' batch moments, which carry the gradient of the newest batch undamped (straight through).
    """

    side = Side.GENERATOR
    seen: Tensor

    def __init__(self, config: FeatureMomentsConfig, teacher: Teacher, shapes: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.stages = len(shapes)
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
            mean = self._followed(f"mean_{i}", stage.mean(0), keep)
            variance = self._followed(f"variance_{i}", stage.var(0, unbiased=False), keep)
            total = total + ((real_mean - mean).square() / scale).mean()
            total = total + ((real_variance - variance) / scale).square().mean()
        self.seen += 1
        return total

    def _followed(self, name: str, new: Tensor, keep: Tensor) -> Tensor:
        """The moving average's value with the newest batch's gradient."""
        average = getattr(self, name)
        average.copy_(keep * average + (1 - keep) * all_reduce_mean(new.detach()))
        return average.clone() + (new - new.detach())


class NoGame(AdversarialObjective):
    """No adversary: both losses are 0."""

    def d_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake_output.logits.sum() * 0.0

    def g_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake.sum() * 0.0


class FeatureMoments(TransferStrategy):
    """L_G += w sum_l moments' distance over all stages (GFMN: dos Santos et al. 2019, "Learning implicit generative
    models by matching perceptual features"; more layers are better there, FID 173 with one and 28 with sixteen of
    VGG).

    `alone` is GFMN proper: there is no discriminator's loss and D rests.
    """

    requires = frozenset({Source.ENCODER, Source.IMAGES})

    def __init__(self, config: FeatureMomentsConfig) -> None:
        self.config = config
        alone = {Slot.OBJECTIVE, Slot.SCHEDULE} if config.alone else set()
        self.slots = frozenset({Slot.LOSS, *alone})

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One term with a teacher of its own, and the real images' moments."""
        teacher = teacher_of(source, gan)
        shapes = stage_shapes(teacher.encoder, source.data)
        edits, names = parts_of(source, teacher, "losses.moments")
        fitted = memoize(lambda context: _moment_buffers(context, gan.data))
        moments = [
            edit
            for i in range(len(shapes))
            for edit in edit_each(
                "losses.moments", (f"real_mean_{i}", f"real_variance_{i}"), "fitted", f"stage {i} of the images", fitted
            )
        ]
        planned = TransferPlan(
            gan,
            edits + moments,
            losses={"moments": Moments(self.config, teacher, shapes)},
            frozen={"losses.moments": names},
            required_tensors={"losses.moments": names | {edit.tensor for edit in moments}},
        )
        if self.config.alone:
            planned.objective = NoGame()
            planned.schedules["discriminator.lr"] = [_rest]
        return planned

    def noop_config(self) -> FeatureMomentsConfig:
        """Weight 0."""
        return FeatureMomentsConfig(weight=0.0)


def moments_of(encoder: nn.Module, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance of every feature of each stage over images (N, ...), summed in float64, in eval mode."""
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
    moments = moments_of(context.source.encoder, images)
    return {
        f"real_{name}_{i}": value
        for i, stage in enumerate(moments)
        for name, value in zip(("mean", "variance"), stage, strict=True)
    }


def _rest(shown: int) -> float:
    return 0.0
