"""D and G are trained to predict the autoencoder's features and images, for autoencoders of any architecture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo.plugin import (
    GAN,
    Autoencoder,
    AuxiliaryLoss,
    Side,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
    memoize,
    seeded,
)
from zoo_transfer.configs.losses import FeatureDistillConfig
from zoo_transfer.gan_parts import device_of
from zoo_transfer.gaussian_prior import Projection, principal_components, projection_edits
from zoo_transfer.teachers import Teacher, build_teacher, stage_shapes, teacher_edits

__all__ = ["FeatureDistill", "FeatureDistillLoss", "ImageDistillLoss", "normalise_channels", "pair_stages"]


class FeatureDistillLoss(AuxiliaryLoss):
    """mean_l ||A_l h_l(x) - norm phi_m(l)(x)||^2 / n_l on real and generated images, with trained 1x1 adapters A_l.

    D's stages h_l and the encoder's phi_m(l) are paired evenly, fine to coarse; `teacher_stages` are the m(l). Adapted
    maps are resized to the teacher's.
    """

    side = Side.DISCRIMINATOR
    needs_real = True

    def __init__(
        self, config: FeatureDistillConfig, teacher: Teacher, student_channels: list[int], teacher_channels: list[int]
    ) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.teacher_stages = pair_stages(len(student_channels), len(teacher_channels))
        self.adapters = nn.ModuleList(
            nn.Conv1d(channels, teacher_channels[m], 1)
            for channels, m in zip(student_channels, self.teacher_stages, strict=True)
        )

    def weight(self, shown: int) -> float:
        """Linear from `discriminator` to 0 over `images`."""
        return self.config.discriminator * max(0.0, 1.0 - shown / self.config.images)

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert context.real_output is not None, "needs_real asks for it"
        distances = []
        for x, output in ((context.real, context.real_output), (context.fake, context.fake_output)):
            with torch.no_grad():
                phi = self.teacher.features(context.augmented(x)).stages
            for stage, adapter, m in zip(output.stages, self.adapters, self.teacher_stages, strict=True):
                distances.append((_adapt(stage, adapter, phi[m]) - normalise_channels(phi[m])).square().mean())
        return torch.stack(distances).mean()


class ImageDistillLoss(AuxiliaryLoss):
    """|G(z) - sg Dec(c)| / n for the codes c of the real batch, with z the code c as G takes it.

    If G has codes of another shape and no other strategy maps codes to z, z is c projected onto its principal
    components and scaled to N(0, I), followed by the last values of the batch's noise.
    """

    side = Side.GENERATOR

    def __init__(self, config: FeatureDistillConfig, teacher: Teacher, projection: Projection | None) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.projection = projection

    def weight(self, shown: int) -> float:
        """Linear from `generator` to 0 over `generator_images`."""
        return self.config.generator * max(0.0, 1.0 - shown / self.config.generator_images)

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        with torch.no_grad():
            code = self.teacher.code(context.real)
            target = self.teacher.decode(code)
        return (context.generate(self._latent(context, code)) - target).abs().mean()

    def _latent(self, context: StepContext, code: Tensor) -> Tensor:
        if self.projection is None or context.to_latent is not None:
            return context.latent(code)
        z: Tensor = self.projection(code)
        return torch.cat([z, context.z.flatten(1)[:, z.shape[1] :]], 1).view_as(context.z)


class FeatureDistill(TransferStrategy):
    """L_D += w_D mean_l ||A_l h_l(x) - norm phi(x)||^2 / n_l and L_G += w_G |G(z) - Dec(c)| / n, both fading to 0
    (feature distillation into D: Cui et al. 2023, "KD-DLGAN"; here also on generated images)."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER})

    def __init__(self, config: FeatureDistillConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss for each side whose weight is above 0, each with its own copy of the autoencoder."""
        planned = TransferPlan(gan)
        if self.config.discriminator:
            self._plan_discriminator(source, gan, planned)
        if self.config.generator:
            self._plan_generator(source, gan, planned)
        return planned

    def noop_config(self) -> FeatureDistillConfig:
        """Weights 0."""
        return FeatureDistillConfig(discriminator=0.0, generator=0.0)

    def _plan_discriminator(self, source: Autoencoder, gan: GAN, planned: TransferPlan) -> None:
        student_channels = [shape[0] for shape in stage_shapes(gan.discriminator, gan.data)]
        if not student_channels:
            planned.notes.append("the discriminator is not taught: it shows no stages")
            return
        teacher = build_teacher(source, gan)
        teacher_channels = [shape[0] for shape in stage_shapes(teacher.encoder, source.data)]
        with seeded(self.config.seed, "feature-distill", device_of(gan)), torch.device(device_of(gan)):
            loss = FeatureDistillLoss(self.config, teacher, student_channels, teacher_channels)
        _add_loss(planned, "features", loss, source, teacher)

    def _plan_generator(self, source: Autoencoder, gan: GAN, planned: TransferPlan) -> None:
        teacher = build_teacher(source, gan, decoder=True)
        if source.code_shape == gan.code_shape:
            _add_loss(planned, "images", ImageDistillLoss(self.config, teacher, None), source, teacher)
            return
        shared = min(source.code_size, gan.code_size)
        projection = Projection(source.code_size, (shared,)).to(device_of(gan))
        _add_loss(planned, "images", ImageDistillLoss(self.config, teacher, projection), source, teacher)
        fitted = memoize(lambda context: principal_components(context.codes(), shared))
        how = f"principal components {shared} of {source.code_size}"
        planned.edits += projection_edits("losses.images", how, fitted, "projection.")
        planned.required_tensors["losses.images"] |= {"projection.mean", "projection.matrix"}
        planned.notes.append(
            f"feature-distill: codes of {source.code_size} values teach a generator that takes {gan.code_size} by "
            f"{shared} of their principal components, unless another strategy says how they enter it"
        )


def pair_stages(students: int, teachers: int) -> list[int]:
    """The index of the teacher's stage for each of the student's, spread evenly from the first to the last.

    >>> pair_stages(2, 3), pair_stages(3, 3), pair_stages(3, 2)
    ([0, 2], [0, 1, 2], [0, 0, 1])
    """
    if students == 1:
        return [teachers - 1]
    return [i * (teachers - 1) // (students - 1) for i in range(students)]


def normalise_channels(phi: Tensor) -> Tensor:
    """(N, C, ...) -> the same shape, with a mean square of 1 over the channels of each position."""
    return phi / (phi.square().mean(1, keepdim=True).sqrt() + 1e-6)


def _add_loss(planned: TransferPlan, name: str, loss: AuxiliaryLoss, source: Autoencoder, teacher: Teacher) -> None:
    edits, names = teacher_edits(source, teacher, f"losses.{name}")
    planned.edits += edits
    planned.losses[name] = loss
    planned.frozen[f"losses.{name}"] = names
    planned.required_tensors[f"losses.{name}"] = set(names)


def _adapt(stage: Tensor, adapter: nn.Module, target: Tensor) -> Tensor:
    """D's stage (N, c, ...) -> the shape (N, C, ...) of the teacher's."""
    flat = adapter(stage.reshape(*stage.shape[:2], -1))  # (N, C, positions)
    if stage.dim() == 4 and target.dim() == 4:
        maps = flat.reshape(*flat.shape[:2], *stage.shape[2:])
        return interpolate(maps, target.shape[2:], mode="bilinear", align_corners=False)
    # one of the two has no positions: compare means over positions
    mean = flat.mean(2)
    return mean.reshape(*mean.shape, *([1] * (target.dim() - 2))).expand_as(target)
