"""When memory runs out: find out what fits."""

from __future__ import annotations

import gc

import torch
from torch import Tensor

from zoo.errors import OutOfMemory
from zoo.training import ranks
from zoo.training.trainee import Trainee

__all__ = ["fitting", "out_of_memory", "ran_out"]

_WORDS = ("not enough memory", "can't allocate memory", "out of memory")


def ran_out(error: Exception) -> bool:
    """Whether an error says that memory ran out: torch's for a GPU, Python's, or that of torch's CPU allocator."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def fitting(trainee: Trainee, rows: Tensor, shown: int) -> int | None:
    """In how many parts a batch goes through, found by trying steps; None when not even single images do. The
    trainee's state is spoilt afterwards: put a checkpoint back."""
    share = len(rows) // ranks.size()
    for parts in range(trainee.engine.accumulate + 1, share + 1):
        if share % parts:
            continue
        trainee.engine.accumulate = parts
        if _goes_through(trainee, rows, shown):
            return parts
    return None


def out_of_memory(batch: int, parts: int | None, device: torch.device, where: object) -> OutOfMemory:
    """The error that says what fits, and how to go on from the last checkpoint in the folder `where`."""
    what = f"a batch of {batch} does not fit into the memory of {device}"
    if parts is None:
        return OutOfMemory(f"{what}, a single image neither", "Use smaller nets, or another device.")
    return OutOfMemory(
        f"{what}; {batch // parts} images at a time do",
        f"Go on with the same batch in {parts} parts: zoo resume {where} --accumulate {parts}; or start again with "
        f"--batch {batch // parts}. Without asking next time: --set engine.when_full=accumulate",
    )


def _goes_through(trainee: Trainee, rows: Tensor, shown: int) -> bool:
    for optimiser in trainee.optimisers.values():
        optimiser.zero_grad(set_to_none=True)
    gc.collect()
    if trainee.engine.device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        trainee.step(rows, shown)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        return False
    return True
