"""Compose networks: `zoo.autoencoder(...)`, `zoo.gan(...)` and `zoo.encoder(...)`.

Everything is built and checked on the meta device first, so that parts that do not fit fail before a weight is
initialised or a byte is downloaded. Then each part is initialised with a random stream of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from zoo import plugins
from zoo._utils.seeds import seeded
from zoo.errors import CompositionError, PluginError
from zoo.networks import checks
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.codes import choose_code_shape
from zoo.networks.discriminator import EncoderDiscriminator
from zoo.networks.encoder_source import EncoderSource
from zoo.networks.gan import GAN
from zoo.networks.pretrained import fetch_weights, values_follow
from zoo.networks.types import AutoencoderParts, Discriminator
from zoo.types import CodeShape, DataSpec, PartLike, PartSpec, as_part

__all__ = [
    "autoencoder",
    "build_autoencoder",
    "build_discriminator",
    "build_encoder",
    "build_gan",
    "build_part",
    "compose_parts",
    "encoder",
    "gan",
]

_BOTTLENECK = "core/gaussian"

Module = TypeVar("Module", bound=nn.Module)


def autoencoder(
    encoder: PartLike = "dcgan",
    decoder: PartLike | None = None,
    *,
    bottleneck: PartLike | None = None,
    shape: tuple[int, ...] | None = None,
    code_shape: CodeShape | None = None,
    data: DataSpec | None = None,
    first_stage: FirstStage | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Autoencoder:
    """Compose an autoencoder; `decoder` is a generator component, by default the one with the encoder's name.

    Give `shape`, `(C, H, W)` or `(F,)` with values in [-1, 1], or a `data` spec. A decoder that takes a class or
    attributes (`class-embedding`, `class-normalisation`) needs a spec with labels. `code_shape` 64 means `(64,)`; by
    default it is the shape that the decoder declares, or else 64. `bottleneck` is by default the one that the encoder
    names, or else core/gaussian. With a `first_stage` it learns that one's codes, and needs neither shape nor data.
    Weights are fresh, from `seed`, unless a part's settings ask for pretrained ones.
    Raises UnknownName, ConfigError, CompositionError or PluginError before any weight is initialised.

    >>> zoo.autoencoder(encoder="mlp", decoder="dcgan", shape=(1, 32, 32), code_shape=64)  # doctest: +SKIP
    """
    encoder = as_part(encoder)
    specs = {
        "encoder": plugins.normalise("encoder", encoder),
        "bottleneck": plugins.normalise(
            "bottleneck", as_part(bottleneck or plugins.declared_bottleneck(encoder) or _BOTTLENECK)
        ),
        "decoder": plugins.normalise("generator", as_part(decoder or encoder.component)),
    }
    data = _data(shape, data, first_stage)
    codes = choose_code_shape(specs["decoder"], data, code_shape)
    model = build_autoencoder(specs, data, codes, seed=seed, device=device)
    model.first_stage = first_stage
    return model


def gan(
    generator: PartLike | None = None,
    discriminator: PartLike | None = None,
    *,
    like: Autoencoder | None = None,
    prior: PartLike = "core/normal",
    shape: tuple[int, ...] | None = None,
    code_shape: CodeShape | None = None,
    data: DataSpec | None = None,
    first_stage: FirstStage | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> GAN:
    """Compose a GAN with fresh weights from `seed`.

    Arguments that are not given come from the autoencoder `like`, if there is one: G's component and settings from the
    decoder, D's from the encoder (without their pretrained weights), the data spec with its first stage, and
    `code_shape`, unless the generator declares its own; without either `code_shape` is 64. An encoder can be the
    discriminator: it gets a head of one logit. With a `first_stage` the GAN learns that one's codes, and needs neither
    shape nor data. Raises UnknownName, ConfigError, CompositionError or PluginError before any weight is initialised.
    """
    if like is not None:
        generator = generator or plugins.fresh("generator", like.specs["decoder"])
        discriminator = discriminator or plugins.fresh("encoder", like.specs["encoder"])
        first_stage = first_stage or like.first_stage
        data = data or (like.data if shape is None and first_stage is None else None)
    generator = as_part(generator or "dcgan")
    specs = {
        "prior": plugins.normalise("prior", as_part(prior)),
        "generator": plugins.normalise("generator", generator),
        "discriminator": plugins.normalise_discriminator(as_part(discriminator or generator.component)),
    }
    data = _data(shape, data, first_stage)
    codes = choose_code_shape(specs["generator"], data, code_shape, None if like is None else like.code_shape)
    model = build_gan(specs, data, codes, seed=seed, device=device)
    model.first_stage = first_stage
    return model


def encoder(
    component: PartLike,
    *,
    shape: tuple[int, ...] | None = None,
    data: DataSpec | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> EncoderSource:
    """Compose an encoder alone, to be used by a transfer beside its autoencoder.

    Give `shape` or a `data` spec, as for an autoencoder. Weights are fresh, from `seed`, unless its settings ask for
    pretrained ones. Raises UnknownName, ConfigError, CompositionError or PluginError before any weight is initialised.
    """
    spec = plugins.normalise("encoder", as_part(component))
    return build_encoder(spec, _data(shape, data), seed=seed, device=device)


def build_autoencoder(
    specs: Mapping[str, PartSpec],
    data: DataSpec,
    code_shape: tuple[int, ...],
    *,
    seed: int = 0,
    device: str = "cpu",
    shapes: bool = True,
) -> Autoencoder:
    """An autoencoder from normalised specs of the roles encoder, bottleneck and decoder; checked on meta first, with
    `shapes=False` without a forward pass."""

    def assemble(device: str) -> Autoencoder:
        encoder = build_part("encoder", specs["encoder"], "encoder", data, seed=seed, device=device)
        checks.check_encoder(encoder, data, f"encoder {specs['encoder'].component}", shapes=shapes)
        embedding: tuple[int, ...] = encoder.embedding_shape
        bottleneck = build_part(
            "bottleneck", specs["bottleneck"], "bottleneck", embedding, code_shape, seed=seed, device=device
        )
        checks.check_bottleneck(
            bottleneck, embedding, code_shape, f"bottleneck {specs['bottleneck'].component}", shapes=shapes
        )
        decoder = build_part("generator", specs["decoder"], "decoder", data, code_shape, seed=seed, device=device)
        checks.check_generator(decoder, data, code_shape, f"generator {specs['decoder'].component}", shapes=shapes)
        return Autoencoder(encoder, bottleneck, decoder, specs)

    composed = assemble("meta")
    return composed if device == "meta" else assemble(device)


def build_encoder(spec: PartSpec, data: DataSpec, *, seed: int = 0, device: str = "cpu") -> EncoderSource:
    """An encoder alone from a normalised spec; checked on meta first."""

    def assemble(device: str) -> EncoderSource:
        built = build_part("encoder", spec, "encoder", data, seed=seed, device=device)
        checks.check_encoder(built, data, f"encoder {spec.component}")
        return EncoderSource(built, spec)

    composed = assemble("meta")
    return composed if device == "meta" else assemble(device)


def build_gan(
    specs: Mapping[str, PartSpec],
    data: DataSpec,
    code_shape: tuple[int, ...],
    *,
    seed: int = 0,
    device: str = "cpu",
    shapes: bool = True,
) -> GAN:
    """A GAN from normalised specs of the roles prior, generator and discriminator; checked on meta first, with
    `shapes=False` without a forward pass."""

    def assemble(device: str) -> GAN:
        prior = build_part("prior", specs["prior"], "prior", code_shape, seed=seed, device=device)
        what = f"prior {specs['prior'].component}"
        checks.check_prior(prior, code_shape, what, condition=data.condition, shapes=shapes)
        generator = build_part("generator", specs["generator"], "generator", data, code_shape, seed=seed, device=device)
        checks.check_generator(generator, data, code_shape, f"generator {specs['generator'].component}", shapes=shapes)
        discriminator = build_discriminator(specs["discriminator"], data, seed=seed, device=device, shapes=shapes)
        checks.check_discriminator(
            discriminator, data, f"discriminator {specs['discriminator'].component}", shapes=shapes
        )
        return GAN(prior, generator, discriminator, specs)

    composed = assemble("meta")
    return composed if device == "meta" else assemble(device)


def compose_parts(parts: AutoencoderParts, owner: str) -> Autoencoder:
    """The pretrained autoencoder with its weights, in eval mode. Raises PluginError, naming `owner`, if they do not fit
    the parts, and like `autoencoder`."""
    kinds = {"encoder": "encoder", "bottleneck": "bottleneck", "decoder": "generator"}
    specs = {role: plugins.normalise(kind, parts.specs[role]) for role, kind in kinds.items()}
    with values_follow():
        model = build_autoencoder(specs, parts.data, parts.code_shape)
    for role, module in model.parts.items():
        try:
            module.load_state_dict(dict(parts.weights[role]), strict=True)
        except (RuntimeError, KeyError) as error:
            first = str(error).strip().splitlines()[-1].strip()
            raise PluginError(f"{owner}: the weights do not fit its {role}: {first}") from None
    return model.eval()


def build_part(kind: str, spec: PartSpec, role: str, *arguments: Any, seed: int = 0, device: str = "cpu") -> Any:
    """One component of a kind on `device`, initialised from the random stream of its role, with its pretrained weights
    unless saved values follow."""
    with seeded(seed, role, device), torch.device(device):
        component = plugins.build(kind, spec, *arguments)
    if device != "meta":
        with seeded(seed, f"{role}.fetch", device):
            fetch_weights(component, f"{kind} {spec.component}")
    return component


def build_discriminator(
    spec: PartSpec, data: DataSpec, *, seed: int = 0, device: str = "cpu", shapes: bool = True
) -> Discriminator:
    """A discriminator component, or an encoder component with a head of one logit."""
    if plugins.discriminator_kind(spec.component) == "discriminator":
        discriminator: Discriminator = build_part(
            "discriminator", spec, "discriminator", data, seed=seed, device=device
        )
        return discriminator
    encoder = build_part("encoder", spec, "discriminator", data, seed=seed, device=device)
    checks.check_encoder(encoder, data, f"encoder {spec.component}", shapes=shapes)
    with seeded(seed, "discriminator.head", device), torch.device(device):
        return EncoderDiscriminator(encoder)


def _data(shape: tuple[int, ...] | None, data: DataSpec | None, first_stage: FirstStage | None = None) -> DataSpec:
    if data is not None and shape is not None and tuple(shape) != data.shape:
        raise CompositionError(
            f"shape {list(shape)} and the data spec's {list(data.shape)} differ", "Give one of them."
        )
    given = data if shape is None or data is not None else DataSpec(tuple(shape))
    if first_stage is not None:
        if given is not None and not given.same_values(first_stage.codes):
            raise CompositionError(
                f"the first stage's codes are {first_stage.codes}, not {given}", "Leave out shape and data."
            )
        return first_stage.codes if data is None else data
    if given is not None:
        return given
    raise CompositionError("no sample shape given", "Give shape=(1, 32, 32), for example, or like=autoencoder.")
