"""Means and variances of the encoder's features, matched."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.data.convert import convert_samples
from zoo.losses.types import Side, StepContext
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import evaluating
from zoo.training.distributed import averaged
from zoo.transfers.density import memoize
from zoo.transfers.plan import ApplyContext, Edit, Slot, Source, TransferPlan
from zoo_transfer.configs.losses import FeatureMomentsConfig
from zoo_transfer.teachers import Teacher, parts_of, stage_shapes, teacher_of

__all__ = ["FeatureMoments", "Moments", "NoGame", "moments_of"]

_CHUNK = 256


class Moments(nn.Module):
    """sum_l [ ||(mu_l - m_l) / s_l||^2 + ||(s_l^2 - v_l) / s_l^2||^2 ] / n_l over the stages of a frozen encoder.

    mu_l and s_l are the real images' mean and standard deviation of each feature (buffers); m_l and v_l are moving
    averages of the fakes' batch moments, which carry the gradient of the newest batch undamped (straight through).
    """

    side = Side.GENERATOR
    needs_real = False
    needs_images = True

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
        keep = torch.where(self.seen > 0, self.config.keep, 0.0)  # type: ignore[operator]
        total = context.fake.new_zeros(())
        for i, stage in enumerate(stages):
            real_mean, real_variance = getattr(self, f"real_mean_{i}"), getattr(self, f"real_variance_{i}")
            scale = real_variance + 1e-3 * real_variance.mean() + 1e-8
            mean = self._followed(f"mean_{i}", stage.mean(0), keep)
            variance = self._followed(f"variance_{i}", stage.var(0, unbiased=False), keep)
            total = total + ((real_mean - mean).square() / scale).mean()
            total = total + ((real_variance - variance) / scale).square().mean()
        self.seen += 1  # type: ignore[operator]
        return total

    def _followed(self, name: str, new: Tensor, keep: Tensor) -> Tensor:
        """The moving average's value with the newest batch's gradient."""
        average = getattr(self, name)
        average.copy_(keep * average + (1 - keep) * averaged(new.detach()))
        return average.clone() + (new - new.detach())  # type: ignore[no-any-return]


class NoGame(nn.Module):
    """No adversary: both losses are 0."""

    paired = False

    def d_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake_output.logits.sum() * 0.0

    def g_loss(self, context: StepContext) -> Tensor:
        """0."""
        return context.fake.sum() * 0.0

    def after(self, context: StepContext) -> None:
        """Keeps no state."""


class FeatureMoments:
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
        found = memoize(
            lambda values: moments_of(values.source.encoder, convert_samples(values.images(), gan.data, source.data))
        )

        def edit(i: int, which: int) -> Edit:
            def value(values: ApplyContext) -> Tensor:
                return found(values)[i][which]

            name = f"{('real_mean', 'real_variance')[which]}_{i}"
            return Edit("losses.moments", name, "fitted", f"stage {i} of the images", value)

        fitted = [edit(i, which) for i in range(len(shapes)) for which in (0, 1)]
        planned = TransferPlan(
            gan,
            edits + fitted,
            losses={"moments": Moments(self.config, teacher, shapes)},
            frozen={"losses.moments": names},
            required_tensors={"losses.moments": names | {edit.tensor for edit in fitted}},
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


def _rest(shown: int) -> float:
    return 0.0
