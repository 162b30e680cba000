"""Which graphs a release has, and examples of each: inputs, and what the release's test vectors say comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    ConfigError,
    FirstStage,
    LoadedRelease,
    Noise,
    PluginError,
    Prior,
    condition_arguments,
    drawn_stream,
    near,
    noise_of,
    takes_condition,
)
from zoo_export.choices import ROLES, Precision
from zoo_export.modules import Call, DrawCodes, FirstStageDecoder, FirstStageEncoder, MeanCode, Realness, Sampler
from zoo_export.precision import lowered, lowered_prior
from zoo_export.values import Value, code_value, condition_value, sample_value

__all__ = ["Graph", "build_graph", "select_roles"]


@dataclass(frozen=True)
class Graph:
    """A module in eval mode with named inputs and one output, and examples: tensors for the inputs, and what has to
    come out."""

    role: str
    module: nn.Module
    inputs: tuple[Value, ...]
    output: Value
    given: tuple[Tensor, ...]
    expected: Tensor


@dataclass(frozen=True)
class _Source:
    """A loaded release, its test vectors by name, and a precision."""

    release: LoadedRelease
    vectors: Mapping[str, Tensor]
    precision: Precision

    @property
    def autoencoder(self) -> Autoencoder:
        assert self.release.autoencoder is not None, "its roles are asked for"
        return self.release.autoencoder

    @property
    def gan(self) -> GAN:
        assert self.release.gan is not None, "its roles are asked for"
        return self.release.gan

    @property
    def first_stage(self) -> FirstStage:
        stage = (self.release.gan or self.autoencoder).first_stage
        assert stage is not None, "its roles are asked for"
        return stage

    def condition(self, *networks: nn.Module) -> tuple[Value, ...]:
        """The input of a condition, if one of the networks takes it."""
        model = self.release.gan or self.autoencoder
        condition = model.condition
        taken = condition is not None and any(map(takes_condition, networks))
        return (condition_value(condition),) if condition is not None and taken else ()

    def noise(self) -> Noise:
        """The noise of the drawn test vectors. Raises PluginError if the prior does not tell it."""
        prior, count = self.gan.prior, len(self.vectors["z"])
        noise = noise_of(prior, count, drawn_stream(), *condition_arguments(prior, self.vectors.get("condition")))
        if noise is None:
            raise PluginError(
                f"the prior {self.gan.specs['prior'].component} cannot be a graph: it does not tell its noise",
                "Name the networks to export without it: --part generator. Its author can add noise and from_noise.",
            )
        return noise


def select_roles(release: LoadedRelease, asked: Iterable[str] = ()) -> list[str]:
    """The graphs of a release in order; only those `asked` for, if any. Raises ConfigError for one that is not
    there."""
    model = release.gan or release.autoencoder
    there = {"encoder", "decoder"} if release.autoencoder is not None else set()
    there |= {"prior", "generator", "discriminator", "sampler"} if release.gan is not None else set()
    there |= {"first_stage_encoder", "first_stage_decoder"} if model is not None and model.first_stage else set()
    roles = [role for role in ROLES if role in there]
    asked = list(dict.fromkeys(asked))
    for role in asked:
        if role not in roles:
            problem = f"{release.manifest.name} has no {role}"
            raise ConfigError(problem, f"{near(role, roles)} It has {', '.join(roles)}.".strip())
    return [role for role in roles if role in asked or not asked]


def build_graph(role: str, release: LoadedRelease, vectors: Mapping[str, Tensor], precision: Precision) -> Graph:
    """The graph of a role at a precision. `vectors` are all test vectors of the release, see `complete_vectors`.

    Raises PluginError for a prior that cannot be one.
    """
    return _BUILDERS[role](_Source(release, vectors, precision))


def _encoder(source: _Source) -> Graph:
    model = source.autoencoder
    inputs, output = (sample_value(model.data),), code_value(model.code_shape)
    module = Call(lowered(MeanCode(model), source.precision))
    return Graph("encoder", module, inputs, output, (source.vectors["x"],), source.vectors["code"])


def _decoder(source: _Source) -> Graph:
    model = source.autoencoder
    module = Call(lowered(model.decoder, source.precision))
    inputs, output = (code_value(model.code_shape), *source.condition(model.decoder)), sample_value(model.data)
    code, condition = source.vectors["code"], source.vectors.get("condition")
    given = (code, *(c[: len(code)] for c in condition_arguments(model.decoder, condition)))
    return Graph("decoder", module, inputs, output, given, source.vectors["reconstruction"])


def _prior(source: _Source) -> Graph:
    prior, noise = source.gan.prior, source.noise()
    inputs = (*_noise_values(noise), *source.condition(prior))
    conditions = condition_arguments(prior, source.vectors.get("condition"))
    given = (*_drawn(noise), *conditions)
    module = _draw_codes(source, noise)
    return Graph("prior", module, inputs, code_value(source.gan.code_shape), given, source.vectors["drawn"])


def _generator(source: _Source) -> Graph:
    gan = source.gan
    inputs = (code_value(gan.code_shape), *source.condition(gan.generator))
    given = (source.vectors["z"], *condition_arguments(gan.generator, source.vectors.get("condition")))
    module = Call(lowered(gan.generator, source.precision))
    return Graph("generator", module, inputs, sample_value(gan.data), given, source.vectors["sample"])


def _discriminator(source: _Source) -> Graph:
    gan, x = source.gan, source.vectors["x"]
    inputs = (sample_value(gan.data), *source.condition(gan.discriminator))
    given = (x, *(c[: len(x)] for c in condition_arguments(gan.discriminator, source.vectors.get("condition"))))
    logits = source.vectors["realness"]
    module = Call(lowered(Realness(gan.discriminator), source.precision))
    return Graph("discriminator", module, inputs, Value("logits", tuple(logits.shape[1:])), given, logits)


def _first_stage_encoder(source: _Source) -> Graph:
    stage, images = source.first_stage, source.vectors["decoded"]
    encoder = lowered(MeanCode(stage.autoencoder), source.precision)
    module = FirstStageEncoder(encoder, stage.codes, stage.autoencoder.data, stage.images)
    inputs, output = (sample_value(stage.images),), sample_value(stage.codes)
    return Graph("first_stage_encoder", module, inputs, output, (images,), stage.encode(images))


def _first_stage_decoder(source: _Source) -> Graph:
    stage = source.first_stage
    inputs, output = (sample_value(stage.codes),), sample_value(stage.images)
    module = _decode_images(source)
    return Graph("first_stage_decoder", module, inputs, output, (source.vectors["x"],), source.vectors["decoded"])


def _sampler(source: _Source) -> Graph:
    gan, noise = source.gan, source.noise()
    condition = source.condition(gan.prior, gan.generator)
    takes = (int(takes_condition(gan.prior)), int(takes_condition(gan.generator)))
    decoder = _decode_images(source) if gan.first_stage is not None else None
    generator = lowered(gan.generator, source.precision)
    module = Sampler(_draw_codes(source, noise), generator, decoder, takes)
    given = (*_drawn(noise), *([source.vectors["condition"]] if condition else []))
    expected = gan.to_output(source.vectors["drawn_sample"])
    return Graph("sampler", module, (*_noise_values(noise), *condition), sample_value(gan.output), given, expected)


_BUILDERS: dict[str, Callable[[_Source], Graph]] = {
    "encoder": _encoder,
    "decoder": _decoder,
    "prior": _prior,
    "generator": _generator,
    "discriminator": _discriminator,
    "first_stage_encoder": _first_stage_encoder,
    "first_stage_decoder": _first_stage_decoder,
    "sampler": _sampler,
}


def _draw_codes(source: _Source, noise: Noise) -> nn.Module:
    prior = cast(Prior, lowered_prior(source.gan.prior, source.precision))
    return DrawCodes(prior, noise)


def _decode_images(source: _Source) -> nn.Module:
    stage = source.first_stage
    decoder = lowered(stage.autoencoder.decoder, source.precision)
    return FirstStageDecoder(decoder, stage.codes, stage.autoencoder.data, stage.images)


def _drawn(noise: Noise) -> tuple[Tensor, ...]:
    return tuple(part for part in noise if part.shape[1])


def _noise_values(noise: Noise) -> tuple[Value, ...]:
    return tuple(
        Value(name, (part.shape[1],), draw=name)
        for name, part in zip(("normal", "uniform"), noise, strict=True)
        if part.shape[1]
    )
