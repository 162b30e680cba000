"""The first stage of a model of codes in its release: contained if it is small and its licence allows, else pinned."""

from __future__ import annotations

import re

from zoo.errors import ReleaseError
from zoo.networks.autoencoder import FirstStage
from zoo.release.manifest import FirstStageEntry
from zoo.release.parts import pack_parts

__all__ = ["pack_first_stage"]

_LARGEST = 16 * 2**20
"""The most bytes of a first stage that a release contains."""
_PASSED_ON = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "Unlicense",
        "Zlib",
    }
)
"""Licences under which copies may be passed on inside a release of another licence."""


def pack_first_stage(first_stage: FirstStage | None, files: dict[str, bytes]) -> FirstStageEntry | None:
    """The manifest's entry of a first stage; None if there is none.

    If it is at most 16 MB and its licence lets anyone pass it on, its weights are added to `files`; else the entry pins
    its release. Raises ReleaseError if it is neither small enough nor a release.
    """
    if first_stage is None:
        return None
    autoencoder = first_stage.autoencoder
    weights: dict[str, bytes] = {}
    size = sum(tensor.nbytes for tensor in autoencoder.state_dict().values())
    own = autoencoder.origin is None and not autoencoder.license
    licences = re.split(r" (?:AND|OR) ", autoencoder.license)
    small = size <= _LARGEST and (own or _PASSED_ON.issuperset(licences))
    parts = pack_parts(autoencoder, weights, "first_stage.") if small else {}
    if not small and autoencoder.origin is None:
        raise ReleaseError(
            f"the first stage has {size:,} bytes, and a release contains at most {_LARGEST:,} of one",
            "Release it too, and train with that release as the first stage.",
        )
    files |= weights
    return FirstStageEntry(
        first_stage.images, autoencoder.data, first_stage.sha256, autoencoder.license, autoencoder.origin, parts
    )
