"""The shape of the codes of networks that are composed."""

from __future__ import annotations

from zoo import plugins
from zoo.errors import CompositionError
from zoo.types import CodeShape, DataSpec, PartSpec, as_code_shape

__all__ = ["choose_code_shape"]

_DEFAULT = (64,)


def choose_code_shape(
    generator: PartSpec, data: DataSpec, given: CodeShape | None, like: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """The shape that the caller gave, else the generator's own, else that of the autoencoder to be like, else (64,).

    Raises CompositionError if the generator reads codes of one shape alone, and another one is given.
    """
    declared = plugins.declared_code_shape(generator, data)
    if given is None:
        return declared or like or _DEFAULT
    chosen = as_code_shape(given)
    if declared is not None and chosen != declared:
        raise CompositionError(
            f"generator {generator.component} reads codes of shape {list(declared)}, and code_shape is {list(chosen)}",
            f"Leave code_shape out, or give {declared[0] if len(declared) == 1 else declared}.",
        )
    return chosen
