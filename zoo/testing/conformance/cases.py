"""What a check is run on: a component by its id, settings of its own, and what it is asked to fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.errors import ConfigError
from zoo.networks.compose import build_discriminator, build_part
from zoo.networks.discriminator import EncoderDiscriminator
from zoo.networks.types import Features
from zoo.types import DataSpec, PartSpec

__all__ = [
    "ComponentCase",
    "DiscriminatorCase",
    "EncoderCase",
    "GeneratorCase",
    "ModuleCase",
    "NetworkCase",
    "PassCase",
]

GREY = DataSpec((1, 16, 16))


@dataclass(frozen=True)
class ComponentCase(ABC):
    """Any component: `component` is its id or short name, `config` its settings as plain data."""

    component: str
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def kind(self) -> str:
        """The component's kind."""

    @property
    def spec(self) -> PartSpec:
        """The component with every setting written out."""
        return plugins.normalise(self.kind, PartSpec(self.component, self.config))

    @property
    def registered(self) -> plugins.RegisteredComponent:
        """The component's record and plugin."""
        return plugins.find(self.kind, self.component)

    @property
    def settings(self) -> Any:
        """The config instance."""
        return plugins.configure(self.kind, PartSpec(self.component, self.config))[1]

    def __str__(self) -> str:
        return f"{self.component}({', '.join(f'{k}={v}' for k, v in self.config.items())})"


class ModuleCase(ComponentCase):
    """A component that is an `nn.Module`."""

    @abstractmethod
    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The component with weights drawn from `seed`."""


class PassCase(ModuleCase):
    """A module that turns one batch into others."""

    @abstractmethod
    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n inputs, the same ones every time."""

    @abstractmethod
    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """Everything that the module gives for x, batch first."""


@dataclass(frozen=True)
class NetworkCase(PassCase):
    """A network and the data it is asked to fit."""

    data: DataSpec = GREY

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The component with weights drawn from `seed`."""
        return build_part(self.kind, self.spec, "case", self.data, seed=seed, device=device)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n samples (n, *data.shape), spread over the value range."""
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
        features: Features = net.features(x)  # type: ignore[operator]
        return (features.embedding, *features.stages)


@dataclass(frozen=True)
class GeneratorCase(NetworkCase):
    """A generator of codes of `latent_dim` values."""

    latent_dim: int = 5
    kind = "generator"

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The component with weights drawn from `seed`."""
        return build_part("generator", self.spec, "case", self.data, self.latent_dim, seed=seed, device=device)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n codes (n, latent_dim)."""
        return torch.randn(n, self.latent_dim, generator=stream(n, "case")).to(device)

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """The samples."""
        return (net(x),)


@dataclass(frozen=True)
class DiscriminatorCase(NetworkCase):
    """A discriminator component, or any encoder under the head that composing gives it."""

    @property
    def kind(self) -> str:
        """`discriminator`, or `encoder` where only an encoder answers to the name."""
        try:
            plugins.find("discriminator", self.component)
        except ConfigError:
            return "encoder"
        return "discriminator"

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The discriminator with weights drawn from `seed`."""
        return build_discriminator(self.spec, self.data, seed=seed, device=device)

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """Realness and stages."""
        output = net.discriminate(x)  # type: ignore[operator]
        stages = output.stages if isinstance(net, EncoderDiscriminator) else ()
        return (output.logits, *stages)
