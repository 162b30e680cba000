"""Where and how a release was trained, as its manifest says it: what training it again is compared with. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import ReleaseError
from zoo.release.names import check_digest

__all__ = ["Environment", "Provenance", "TracedWeights"]

_LONGEST = 200
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Environment:
    """The versions and the hardware of a process that trained: `machine` is the processor's kind and the instructions
    that torch uses of it, `device` the name of the accelerator, or `cpu`. Nothing in it names a computer or a user."""

    zoo: str
    torch: str
    python: str
    machine: str
    device: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not value or len(value) > _LONGEST or not value.isprintable():
                raise ReleaseError(f"provenance: {name} {value[:80]!r} is not a version or a name")

    def __str__(self) -> str:
        return f"torch {self.torch}, Python {self.python}, {self.machine}, {self.device}, zoo {self.zoo}"


@dataclass(frozen=True, slots=True)
class TracedWeights:
    """The SHA-256 over all that was trained, after `shown` images."""

    shown: int
    sha256: str

    def __post_init__(self) -> None:
        check_digest(self.sha256)
        if self.shown < 0:
            raise ReleaseError(f"provenance: shown {self.shown} is negative")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The environments in which a run was trained, one after the other, and its weights at its checkpoints."""

    environments: tuple[Environment, ...]
    weights: tuple[TracedWeights, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.environments) <= _MOST or len(self.weights) > _MOST:
            raise ReleaseError("provenance: it has no environment, or far too many")
        if [one.shown for one in self.weights] != sorted({one.shown for one in self.weights}):
            raise ReleaseError("provenance: its weights are not in the order of the images shown")
