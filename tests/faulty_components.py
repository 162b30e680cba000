"""Components with one deliberate fault each, for tests of the conformance checks."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zoo.networks.types import DiscriminatorOutput, Features
from zoo.types import DataSpec


@dataclass(frozen=True)
class Config:
    """One setting."""

    width: int = 4


# ---------------------------------------------------------------- settings


@dataclass
class NotFrozenConfig:
    width: int = 4


@dataclass(frozen=True)
class DictConfig:
    options: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassVariableConfig:
    width: int = 4
    depth: ClassVar[int] = 2


@dataclass(frozen=True)
class GrowingConfig:
    width: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", self.width + 1)


# ---------------------------------------------------------------- encoders


class Encoder(nn.Module):
    """An encoder without a fault; 4 channels, so that C = H for images of 8 px."""

    stage_channels: tuple[int, ...] = (4,)

    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.conv = nn.Conv2d(data.shape[0], 4, 4, 2, 1)
        self.embedding_shape = (4 * (data.shape[1] // 2) * (data.shape[2] // 2),)

    def stage(self, x: Tensor) -> Tensor:
        return self.conv(x).tanh()

    def features(self, x: Tensor) -> Features:
        stage = self.stage(x)
        return Features(stage.flatten(1), (stage,))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).embedding


class HasAMutableConfig(Encoder):
    config = NotFrozenConfig


class HasADictInItsConfig(Encoder):
    config = DictConfig


class IgnoresASetting(Encoder):
    config = ClassVariableConfig


class StoresAnotherConfig(Encoder):
    config = GrowingConfig


class ChangesItsConfig(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        object.__setattr__(config, "width", 8)


class TakesAnything(Encoder):
    def __init__(self, config: Any, data: DataSpec, **options: Any) -> None:
        super().__init__(config, data)


class StartsAProcess(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        subprocess.run([sys.executable, "-S", "-c", "0"], check=True)


class WritesBesideTheUser(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        with open("cache.bin", "wb"):
            pass


class Prints(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        print("built")


class LeavesAThread(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        threading.Timer(0.3, lambda: None).start()


class SeedsTorch(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        torch.manual_seed(0)


class SeedsPython(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        random.seed(0)


class HasItsOwnSeed(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        for weight in self.parameters():
            rng = torch.Generator(weight.device if weight.device.type != "meta" else "cpu").manual_seed(0)
            nn.init.normal_(weight, generator=rng if not weight.is_meta else None)


class DrawsFromNumpy(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        nn.init.constant_(self.conv.bias, np.random.default_rng().normal())


class ChangesTheDefaultDtype(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return super().stage(x)


class UsesTheBatch(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def stage(self, x: Tensor) -> Tensor:
        return self.norm(super().stage(x))


class DropsOutInEval(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(super().stage(x))


class DrawsInEval(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        torch.rand(1)
        return super().stage(x)


class GivesFloat32Always(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        return super().stage(x).float()


class StaysOnTheCPU(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        stage = super().stage(x)
        return stage + torch.zeros(stage.shape, device="cpu")


class BuildsInItsFirstPass(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        if not hasattr(self, "gain"):
            self.gain = nn.Parameter(torch.ones(4, 1, 1))
        return super().stage(x) * self.gain


class CountsOutsideItsState(Encoder):
    passes = 0

    def stage(self, x: Tensor) -> Tensor:
        self.passes += self.training
        return super().stage(x) * (1 + 0.1 * self.passes)


class DeclaresAnotherEmbedding(Encoder):
    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__(config, data)
        self.embedding_shape = (self.embedding_shape[0] + 1,)


class HasAnotherForward(Encoder):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class DividesByTheRange(Encoder):
    def stage(self, x: Tensor) -> Tensor:
        spread = (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True)).detach()
        return super().stage(x / spread)


class GivesSquareChannelsLast(Encoder):
    def features(self, x: Tensor) -> Features:
        embedding, (stage,) = super().features(x)
        return Features(embedding, (stage.permute(0, 2, 3, 1),))


class GoesFromCoarseToFine(Encoder):
    stage_channels = (4, 4)

    def features(self, x: Tensor) -> Features:
        embedding, (stage,) = super().features(x)
        return Features(embedding, (nn.functional.avg_pool2d(stage, 2), stage))


# ---------------------------------------------------------------- discriminators


class Discriminator(nn.Module):
    """A discriminator without a fault."""

    logit_groups: tuple[int, ...] = (1,)

    def __init__(self, config: Any, data: DataSpec) -> None:
        super().__init__()
        self.data = data
        self.first, self.last = nn.Linear(data.size, 4), nn.Linear(4, 1)

    def discriminate(self, x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.last(self.first(x.flatten(1)).tanh()), ())


class DeclaresOtherGroups(Discriminator):
    logit_groups = (1, 1)


# ---------------------------------------------------------------- generators


class Generator(nn.Module):
    """A generator without a fault."""

    first = None

    def __init__(self, config: Any, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data, self.code_shape = data, code_shape
        self.linear = nn.Linear(code_shape[0], data.size)

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(z.flatten(1)).tanh().unflatten(1, self.data.shape)


class HasNoiseInTraining(Generator):
    """Without a fault: the strength of its noise is not used in eval mode."""

    def __init__(self, config: Any, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__(config, data, code_shape)
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor) -> Tensor:
        if self.training:
            z = z + self.strength * torch.randn_like(z)
        return super().forward(z)


class MakesSquareChannelsLast(Generator):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).permute(0, 2, 3, 1)


class MakesFlatSamples(Generator):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).flatten(1)


class DividesByTheCode(Generator):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z / z.norm(dim=1, keepdim=True))
