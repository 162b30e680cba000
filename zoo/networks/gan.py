"""GAN = prior + generator + discriminator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo._utils.seeds import SampleStreams, Seeds, stream
from zoo.data.grids import grid, png_bytes
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.networks.autoencoder import FirstStage, OfImages
from zoo.networks.conditioning import condition_arguments, conditions_of, draw_conditions, takes_condition
from zoo.networks.conditions_on_output import draw_where
from zoo.networks.noise import noise_of
from zoo.networks.types import Discriminator, Generator, Noise, Prior
from zoo.networks.utils import evaluating
from zoo.types import Condition, DataSpec, Origin, PartSpec

__all__ = ["CHUNK", "GAN"]

CHUNK = 64
"""How many codes the generator gets at once. It affects the samples, as rounding depends on the batch size."""
_MEAN_OF = 4096
"""How many codes of the prior give its mean."""


class GAN(OfImages, nn.Module):
    """Prior, generator and discriminator. `specs` maps these roles to the components that they were built from. With a
    `first_stage`, G makes codes of images in it, and D judges codes. `origin` is the release of its weights, if any,
    with its `license` (SPDX)."""

    origin: Origin | None = None
    license = ""

    def __init__(
        self,
        prior: Prior,
        generator: Generator,
        discriminator: Discriminator,
        specs: Mapping[str, PartSpec],
        first_stage: FirstStage | None = None,
    ) -> None:
        super().__init__()
        self.prior = prior
        self.generator = generator
        self.discriminator = discriminator
        self.specs = dict(specs)
        self.first_stage = first_stage

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        return self.generator.data

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code; flat codes have one axis."""
        return self.generator.code_shape

    @property
    def code_size(self) -> int:
        """The number of values of a code."""
        return math.prod(self.code_shape)

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The modules by role."""
        return {"prior": self.prior, "generator": self.generator, "discriminator": self.discriminator}

    @property
    def condition(self) -> Condition | None:
        """The classes or attributes that samples can be asked for; None if no part takes a condition."""
        return self.data.condition if any(map(takes_condition, self.parts.values())) else None

    def draw(self, n: int, seed: Seeds = 0, condition: Tensor | None = None, *, truncation: float = 1.0) -> Tensor:
        """n codes (n, *code_shape) from the prior, each drawn for its `seed` and index alone, see `sample`.

        Below 1, `truncation` moves them towards the prior's mean, of a conditional prior that of their class: less
        variety, fewer failures (the truncation trick; Karras et al. 2019, "StyleGAN", appendix B). Raises ConfigError
        unless it is within 0 to 2.
        """
        if not 0 <= truncation <= 2:
            raise ConfigError(f"truncation {truncation:g} is not within 0 to 2", "1 changes nothing, 0.7 is usual.")
        conditions = condition_arguments(self.prior, condition)
        codes = self.prior.sample(n, SampleStreams(seed, n, "sample"), *conditions)
        if truncation == 1:
            return codes
        means = torch.empty_like(codes)
        kinds, kind_of = conditions[0].unique(dim=0, return_inverse=True) if conditions else (None, torch.zeros(n))
        for number in range(1 if kinds is None else len(kinds)):
            of_kind = () if kinds is None else (kinds[number : number + 1].repeat_interleave(_MEAN_OF, 0),)
            means[kind_of == number] = self.prior.sample(_MEAN_OF, stream(0, "mean"), *of_kind).mean(0)
        return means + truncation * (codes - means)

    def noise(self, n: int, seed: Seeds = 0, condition: Tensor | None = None) -> Noise | None:
        """The random numbers of the n codes that `draw` gives for the same seed; None if the prior does not tell them,
        see `Prior.noise`."""
        return noise_of(self.prior, n, SampleStreams(seed, n, "sample"), *condition_arguments(self.prior, condition))

    @torch.no_grad()
    def generate(self, z: Tensor, condition: Tensor | None = None, chunk: int = CHUNK) -> Tensor:
        """z (N, *code_shape) -> samples (N, *data.shape) in the value range, in eval mode, on the CPU. A `condition` of
        each code is needed if the generator takes one."""
        device = next(self.generator.parameters()).device
        conditions = condition_arguments(self.generator, condition)
        batches = zip(*(tensor.split(chunk) for tensor in (z, *conditions)), strict=True)
        with evaluating(self.generator):
            return torch.cat([self.generator(*(tensor.to(device) for tensor in batch)).cpu() for batch in batches])

    def sample(
        self,
        n: int,
        seed: Seeds = 0,
        *,
        classes: str | Sequence[str] | Tensor | None = None,
        truncation: float = 1.0,
        where: Sequence[str] = (),
    ) -> Tensor:
        """n images (n, *output.shape) in the value range; the same call gives the same images, bit for bit.

        `seed` is one for all, and then the i-th image is the same for every n above i, but for rounding in batches of
        another size; or a sequence with each image's seed, of which it is the first image, or `(seed, index)`.
        `classes` is the class of all, or that of each; by default they are drawn in the training images' shares.
        Attributes are given as a tensor (n, attributes). `truncation` is that of `draw`. `where` are conditions on what
        is drawn, such as `cut=Ideal` of a table: the n samples are the first of `(seed, 0)`, `(seed, 1)`, ... that
        satisfy all of them. Raises ConfigError for an unknown class, for another number of classes or seeds, and for
        conditions that too few samples satisfy.
        """
        if where:
            if not isinstance(seed, int) or not isinstance(classes, str | None):
                raise ConfigError("`where` draws until enough samples fit", "Give one seed, and one class or none.")
            return draw_where(
                lambda numbers: self.sample(
                    len(numbers), [(seed, i) for i in numbers], classes=classes, truncation=truncation
                ),
                n,
                self.output,
                where,
            )
        return self.to_output(self.undecoded(n, seed, classes=classes, truncation=truncation))

    def undecoded(
        self,
        n: int,
        seed: Seeds = 0,
        *,
        classes: str | Sequence[str] | Tensor | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """n samples (n, *data.shape), like `sample`; those of a GAN of codes are not decoded."""
        condition = self.conditions(n, seed, classes)
        return self.generate(self.draw(n, seed, condition, truncation=truncation), condition)

    def with_part(self, role: str, part: nn.Module, spec: PartSpec | None = None) -> GAN:
        """A GAN that shares every part with this one, except for the `prior`, `generator` or `discriminator`; `spec` is
        the component of the new one, if it is another."""
        specs = self.specs if spec is None else self.specs | {role: spec}
        return GAN(**{**self.parts, role: part}, specs=specs, first_stage=self.first_stage)  # type: ignore[arg-type]

    def conditions(self, n: int, seed: Seeds = 0, classes: str | Sequence[str] | Tensor | None = None) -> Tensor | None:
        """The conditions of n samples, see `sample`; None for a GAN that takes none."""
        if classes is not None:
            return conditions_of(self.condition, classes, n)
        return (
            None if self.condition is None else draw_conditions(self.condition, n, SampleStreams(seed, n, "condition"))
        )

    def _repr_png_(self) -> bytes | None:
        """A grid of 16 samples for a notebook; None for vectors and for a GAN on the meta device."""
        if not self.output.is_image or any(weight.is_meta for weight in self.parameters()):
            return None
        return png_bytes(grid(to_uint8(self.sample(16), self.output), 8))

    @torch.no_grad()
    def score(self, x: Tensor, condition: Tensor | None = None, chunk: int = CHUNK) -> Tensor:
        """x (N, *data.shape) -> the discriminator's mean logit (N,), in eval mode; higher is more real. A `condition`
        of each sample is needed if the discriminator takes one."""
        device = next(self.discriminator.parameters()).device
        conditions = condition_arguments(self.discriminator, condition)
        batches = zip(*(tensor.split(chunk) for tensor in (x, *conditions)), strict=True)
        with evaluating(self.discriminator):
            logits = [
                self.discriminator.discriminate(*(tensor.to(device) for tensor in batch)).logits.cpu()
                for batch in batches
            ]
        return torch.cat(logits).mean(1)
