"""Checks of components that read a pretrained autoencoder from files."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.networks.compose import compose_parts
from zoo.networks.types import AutoencoderParts
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import SETTINGS_CHECKS, Check
from zoo.testing.conformance.watch import watching

__all__ = ["AUTOENCODER_CHECKS", "AutoencoderCase"]


@dataclass(frozen=True)
class AutoencoderCase(ComponentCase):
    """A reader of pretrained autoencoders. `files="package.module:function"` names a function that writes a small one,
    as its library does, into the folder that it is called with."""

    kind = "autoencoder"
    files: str = ""

    def attempt(self) -> None:
        """Read the case's files."""
        with self.folder() as folder:
            self.read(folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder with the files of a small autoencoder."""
        assert self.files, "the case names no files: give it files='package.module:function', which writes some"
        module, _, function = self.files.partition(":")
        with tempfile.TemporaryDirectory() as name:
            getattr(importlib.import_module(module), function)(Path(name))
            yield Path(name)

    def read(self, folder: Path) -> AutoencoderParts:
        """The parts that the component reads from a folder."""
        parts: AutoencoderParts = plugins.build("autoencoder", self.spec, folder, None)
        return parts


def the_parts_compose_with_their_weights(case: AutoencoderCase) -> None:
    """Encoder, bottleneck and decoder are components that take exactly the weights that were read, and reconstruct."""
    with case.folder() as folder:
        parts = case.read(folder)
    assert isinstance(parts, AutoencoderParts), f"it gave a {type(parts).__name__}, not AutoencoderParts"
    model = compose_parts(parts, str(case))
    x = parts.data.low + (parts.data.high - parts.data.low) * torch.rand(2, *parts.data.shape, generator=stream(0, "x"))
    assert model.reconstruct(x).isfinite().all(), "a reconstruction is not finite"


def reading_twice_gives_the_same_and_changes_nothing(case: AutoencoderCase) -> None:
    """Reading uses no network, starts no process, writes nothing, and gives the same structure and weights again."""
    with case.folder() as folder:
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with watching() as notes:
            first = case.read(folder)
        second = case.read(folder)
        assert not notes, "; ".join(notes[:3])
        assert before == {path.name: path.read_bytes() for path in folder.iterdir()}, "it changed the folder's files"
    assert (first.specs, first.data, first.code_shape) == (second.specs, second.data, second.code_shape)
    for role, weights in first.weights.items():
        same = all(torch.equal(value, second.weights[role][name]) for name, value in weights.items())
        assert same, f"reading twice gave different weights of the {role}"


AUTOENCODER_CHECKS: tuple[Check, ...] = (
    *SETTINGS_CHECKS,
    the_parts_compose_with_their_weights,
    reading_twice_gives_the_same_and_changes_nothing,
)
