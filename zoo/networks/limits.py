"""Networks that stay within the size of the files that have their weights: settings from elsewhere may ask for any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from zoo.errors import IntegrityError, ReleaseError

__all__ = ["compare_tensors", "no_larger_than"]

_TIMES = 4
"""A constructor may register a tensor again, and modules without one."""
_FEW = 2_000
_SMALL = 2**26


@contextmanager
def no_larger_than(files: Mapping[str, Mapping[str, Tensor]], owner: str) -> Iterator[None]:
    """While the block builds networks, raise ReleaseError, naming `owner`, as soon as they have more layers than four
    times the tensors by role of `files` and 2,000, or more values than four times theirs and 2^26."""
    tensors = [tensor for by_name in files.values() for tensor in by_name.values()]
    most_registered = _TIMES * len(tensors) + _FEW
    most_values = _TIMES * sum(tensor.numel() for tensor in tensors) + _SMALL
    registered = values = 0

    def count(module: nn.Module, name: str, item: object) -> None:
        nonlocal registered, values
        registered += 1
        values += item.numel() if isinstance(item, Tensor) else 0
        if registered > most_registered or values > most_values:
            raise ReleaseError(
                f"{owner}: its settings ask for larger networks than its files hold: over "
                + (f"{most_values:,} values" if values > most_values else f"{most_registered:,} layers and tensors"),
                "The release is malformed: tell its publisher.",
            )

    handles = [
        register(count)
        for register in (
            register_module_parameter_registration_hook,
            register_module_buffer_registration_hook,
            register_module_module_registration_hook,
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def compare_tensors(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Raise IntegrityError unless the file `what` has exactly the module's tensors by name, shape and type."""
    expected = module.state_dict()
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise IntegrityError(
            f"{what} lacks the tensor {missing[0]!r}" if missing else f"{what} has an extra tensor {extra[0]!r}",
            "The release does not match this version of its plugin.",
        )
    for name, tensor in expected.items():
        stored = tensors[name]
        if (stored.shape, stored.dtype) != (tensor.shape, tensor.dtype):
            raise IntegrityError(
                f"{what}: {name} is {stored.dtype} {list(stored.shape)}, expected {tensor.dtype} {list(tensor.shape)}"
            )
