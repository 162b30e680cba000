"""Any autoencoder into any GAN: the nets learn from it instead of taking its weights."""

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
from zoo_transfer.gaussian_prior import Projection, principal, projecting
from zoo_transfer.teachers import Teacher, device_of, parts_of, stage_shapes, teacher_of

__all__ = ["DistillFeatures", "DistillImages", "FeatureDistill", "matched", "normalised"]


class DistillFeatures(AuxiliaryLoss):
    """mean_l ||A_l h_l(x) - norm phi_m(l)(x)||^2 / n_l on real and generated images; A_l are trained 1x1 adapters.

    D's stages h and the encoder's phi are paired evenly, fine to coarse; adapted maps are resized to the teacher's.
    """

    side = Side.DISCRIMINATOR
    needs_real = True

    def __init__(
        self,
        config: FeatureDistillConfig,
        teacher: Teacher,
        students: list[int],
        teachers: list[int],
        taught: list[int],
    ) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.taught = taught
        self.adapters = nn.ModuleList(nn.Conv1d(students[i], teachers[j], 1) for i, j in enumerate(taught))

    def weight(self, shown: int) -> float:
        """Linear to 0."""
        return self.config.discriminator * max(0.0, 1.0 - shown / self.config.images)

    def forward(self, context: StepContext) -> Tensor:
        """Scalar."""
        assert context.real_output is not None, "D's terms see both judgements"
        pairs = ((context.real, context.real_output), (context.fake, context.fake_output))
        distances = []
        for x, output in pairs:
            with torch.no_grad():
                phi = self.teacher.features(context.augmented(x)).stages
            for stage, adapter, j in zip(output.stages, self.adapters, self.taught, strict=True):
                distances.append((_adapted(stage, adapter, phi[j]) - normalised(phi[j])).square().mean())
        return torch.stack(distances).mean()


class DistillImages(AuxiliaryLoss):
    """|G(z) - sg Dec(c)| / n for the codes c of the real batch, z the same code as G takes it.

    Where no other strategy says how, and G takes another number of values, z is c on its principal components, scaled
    to N(0, I); what G takes beyond them is the noise that it drew anyway.
    """

    side = Side.GENERATOR

    def __init__(self, config: FeatureDistillConfig, teacher: Teacher, projection: Projection | None) -> None:
        super().__init__()
        self.config = config
        self.teacher = teacher
        self.projection = projection

    def weight(self, shown: int) -> float:
        """Linear to 0."""
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
        return torch.cat([z, context.z[:, z.shape[1] :]], 1)


class FeatureDistill(TransferStrategy):
    """D's stages learn to predict the frozen encoder's features, G learns the decoder's images; both fade (feature
    distillation into D as in KD-DLGAN, Cui et al. 2023; the teacher sees fakes too)."""

    slots = frozenset({Slot.LOSS})
    requires = frozenset({Source.ENCODER, Source.BOTTLENECK, Source.DECODER})

    def __init__(self, config: FeatureDistillConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A term for each side of weight above 0; each has a teacher of its own."""
        planned = TransferPlan(gan)
        if self.config.discriminator:
            self._for_discriminator(source, gan, planned)
        if self.config.generator:
            self._for_generator(source, gan, planned)
        return planned

    def noop_config(self) -> FeatureDistillConfig:
        """Weights 0."""
        return FeatureDistillConfig(discriminator=0.0, generator=0.0)

    def _for_discriminator(self, source: Autoencoder, gan: GAN, planned: TransferPlan) -> None:
        students = [shape[0] for shape in stage_shapes(gan.discriminator, gan.data)]
        teacher = teacher_of(source, gan)
        teachers = [shape[0] for shape in stage_shapes(teacher.encoder, source.data)]
        if not students:
            planned.notes.append("the discriminator is not taught: it shows no stages")
            return
        with seeded(self.config.seed, "feature-distill"), torch.device(device_of(gan)):
            taught = matched(len(students), len(teachers))
            term = DistillFeatures(self.config, teacher, students, teachers, taught)
        self._add(source, planned, "features", term, teacher)

    def _for_generator(self, source: Autoencoder, gan: GAN, planned: TransferPlan) -> None:
        teacher = teacher_of(source, gan, decoder=True)
        ours, theirs = source.latent_dim, gan.latent_dim
        if ours == theirs:
            self._add(source, planned, "images", DistillImages(self.config, teacher, None), teacher)
            return
        kept = min(ours, theirs)
        projection = Projection(ours, kept).to(device_of(gan))
        self._add(source, planned, "images", DistillImages(self.config, teacher, projection), teacher)
        fitted = memoize(lambda context: principal(context.codes(), kept))
        how = f"principal components {kept} of {ours}"
        planned.edits += projecting("losses.images", how, fitted, "projection.")
        planned.required_tensors["losses.images"] |= {"projection.mean", "projection.matrix"}
        planned.notes.append(
            f"feature-distill: codes of {ours} values teach a generator that takes {theirs} by {kept} of their "
            "principal components, unless another strategy says how they enter it"
        )

    def _add(
        self, source: Autoencoder, planned: TransferPlan, name: str, term: AuxiliaryLoss, teacher: Teacher
    ) -> None:
        edits, names = parts_of(source, teacher, f"losses.{name}")
        planned.edits += edits
        planned.losses[name] = term
        planned.frozen[f"losses.{name}"] = names
        planned.required_tensors[f"losses.{name}"] = set(names)


def matched(students: int, teachers: int) -> list[int]:
    """For each of the student's stages the teacher's, spread evenly from the first to the last.

    >>> matched(2, 3), matched(3, 3), matched(3, 2)
    ([0, 2], [0, 1, 2], [0, 0, 1])
    """
    if students == 1:
        return [teachers - 1]
    return [i * (teachers - 1) // (students - 1) for i in range(students)]


def normalised(phi: Tensor) -> Tensor:
    """(N, C, ...) -> the same with a mean square of 1 over the channels of each place."""
    return phi / (phi.square().mean(1, keepdim=True).sqrt() + 1e-6)


def _adapted(stage: Tensor, adapter: nn.Module, like: Tensor) -> Tensor:
    """(N, c, ...) -> (N, C, ...) in the teacher's shape."""
    flat = adapter(stage.reshape(*stage.shape[:2], -1))  # (N, C, places)
    if stage.dim() == 4 and like.dim() == 4:
        maps = flat.reshape(*flat.shape[:2], *stage.shape[2:])
        return interpolate(maps, like.shape[2:], mode="bilinear", align_corners=False)
    # one of the two has no places: compare means over places
    spread = flat.mean(2)
    return spread.reshape(*spread.shape, *([1] * (like.dim() - 2))).expand_as(like)
