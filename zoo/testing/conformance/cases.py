"""The cases of checks: a component by its id, its settings, and the sizes that it is built for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.networks.compose import build_discriminator, build_part
from zoo.networks.discriminator import EncoderDiscriminator
from zoo.networks.types import Discriminator, Encoder
from zoo.testing.conformance.conditions import condition_arguments, numbers_of, require_labels
from zoo.types import DataSpec, PartSpec

__all__ = [
    "ComponentCase",
    "DiscriminatorCase",
    "EncoderCase",
    "ForwardCase",
    "GeneratorCase",
    "NetworkCase",
]

GREY = DataSpec((1, 16, 16))
SMALL = DataSpec((1, 8, 8))


@dataclass(frozen=True)
class ComponentCase(ABC):
    """A component of any kind: `component` is its id or short name, `config` its settings as plain data."""

    component: str
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def kind(self) -> str:
        """The component's kind."""

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the component is built with, after its config."""
        return ()

    def build(self, seed: int = 0, device: str = "cpu") -> Any:
        """The component, with weights drawn from `seed` if it has any."""
        return build_part(self.kind, self.spec, "case", *self.arguments, seed=seed, device=device)

    def attempt(self) -> None:
        """Build what the checks need. Raises ConfigError if the component refuses this case."""
        self.build()

    @property
    def spec(self) -> PartSpec:
        """The component with every setting written out."""
        return plugins.normalise(self.kind, PartSpec(self.component, self.config))

    @property
    def registered(self) -> plugins.RegisteredComponent:
        """The component as its plugin registered it."""
        return plugins.find_component(self.kind, self.component)

    @property
    def settings(self) -> Any:
        """The config instance."""
        return plugins.configure(self.kind, PartSpec(self.component, self.config))[1]

    def __str__(self) -> str:
        return f"{self.component}({', '.join(f'{k}={v}' for k, v in self.config.items())})"


class ForwardCase(ComponentCase):
    """A module that maps a batch to one or more tensors."""

    def attempt(self) -> None:
        """Build it on the meta device. Raises ConfigError if the component refuses this case."""
        self.build(device="meta")

    @abstractmethod
    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n inputs, the same in every call."""

    @abstractmethod
    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """All outputs for x, batch first."""


@dataclass(frozen=True)
class NetworkCase(ForwardCase):
    """A network, and the data that it is built for. A conditional one gets a condition for each input, if the data
    has labels."""

    data: DataSpec = GREY

    def attempt(self) -> None:
        """Build it on the meta device. Raises ConfigError if the component refuses this case, or is a conditional one
        and the data has no labels."""
        require_labels(self.build(device="meta"), self.data, str(self))

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The data."""
        return (self.data,)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n samples (n, *data.shape), uniform in the value range."""
        unit = torch.rand(n, *self.data.shape, generator=stream(n, "case"))
        return (self.data.low + (self.data.high - self.data.low) * unit).to(device)

    def __str__(self) -> str:
        return f"{super().__str__()}-{'x'.join(map(str, self.data.shape))}"


@dataclass(frozen=True)
class EncoderCase(NetworkCase):
    """An encoder."""

    kind = "encoder"

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """Embedding and stages."""
        embedding, stages = cast(Encoder, net).features(x)
        return (embedding, *stages)


@dataclass(frozen=True)
class GeneratorCase(NetworkCase):
    """A generator of codes of `code_shape`, by default the shape that its settings declare, or else (5,)."""

    code_shape: tuple[int, ...] | None = None
    kind = "generator"

    @property
    def codes(self) -> tuple[int, ...]:
        """The shape of a code."""
        return self.code_shape or plugins.declared_code_shape(self.spec, self.data) or (5,)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The data and the code's size."""
        return (self.data, self.codes)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n codes (n, *codes)."""
        return torch.randn(n, *self.codes, generator=stream(n, "case")).to(device)

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """The samples."""
        return (net(x, *condition_arguments(net, self.data, numbers_of(x))),)


@dataclass(frozen=True)
class DiscriminatorCase(NetworkCase):
    """A discriminator component, or an encoder with the head that composing adds."""

    @property
    def kind(self) -> str:
        """`discriminator`, or `encoder` if only an encoder has the name."""
        return plugins.discriminator_kind(self.component)

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The discriminator with weights drawn from `seed`."""
        return build_discriminator(self.spec, self.data, seed=seed, device=device)

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """Logits, and an encoder's stages."""
        logits, stages = cast(Discriminator, net).discriminate(x, *condition_arguments(net, self.data, numbers_of(x)))
        return (logits, *stages) if isinstance(net, EncoderDiscriminator) else (logits,)
