"""What to do when memory runs out: find the micro-batch that fits."""

from __future__ import annotations

import gc

import torch
from torch import Tensor

from zoo._utils import distributed
from zoo.errors import OutOfMemory, ZooError
from zoo.training.trainer import Trainer, seeded_step

__all__ = ["fitting_micro_batches", "is_out_of_memory", "out_of_memory", "stop_all_ranks"]

_WORDS = ("not enough memory", "can't allocate memory", "out of memory")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out: torch's for a GPU, Python's, or that of torch's CPU allocator."""
    if isinstance(error, ZooError):
        return False  # already explained, here or by another process
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def fitting_micro_batches(trainer: Trainer, rows: Tensor, shown: int, processes: int = 1) -> int | None:
    """The smallest number of micro-batches in which a process's share of a batch fits, found by trying steps; None
    if not even single images do. The trainer's state is lost: restore a checkpoint afterwards."""
    share = len(rows) // processes
    for parts in range(trainer.engine.accumulate + 1, share + 1):
        if share % parts:
            continue
        trainer.engine.accumulate = parts * processes
        if _fits(trainer, rows, shown):
            return parts
    return None


def stop_all_ranks(trainer: Trainer, rows: Tensor, shown: int, where: object) -> OutOfMemory:
    """The error for a batch that did not fit in this process, which the other processes raise too: they are waiting for
    a sum that this process will not join, so they cannot continue in more micro-batches by themselves."""
    rank, size, device = distributed.rank(), distributed.world_size(), trainer.engine.device
    tried = trainer.engine.accumulate
    if not distributed.leave():
        return OutOfMemory(
            f"a batch of {len(rows)} in {size} processes does not fit into the memory of {device}",
            f"Go on with the same batch in more parts, started as before: zoo resume {where} --accumulate {2 * tried}",
        )
    parts = fitting_micro_batches(trainer, rows, shown, size)
    error = out_of_memory(len(rows), parts, device, where, size)
    distributed.publish_failure(error, rank, size)
    return error


def out_of_memory(
    batch: int, parts: int | None, device: torch.device, where: object, processes: int = 1
) -> OutOfMemory:
    """The error that says what fits, and how to continue from the last checkpoint in the folder `where`."""
    shared = f" in {processes} processes" if processes > 1 else ""
    what = f"a batch of {batch}{shared} does not fit into the memory of {device}"
    if parts is None:
        return OutOfMemory(f"{what}. Even a batch of one does not fit", "Use smaller networks, or another device.")
    at_once = batch // (processes * parts)
    if processes > 1:
        return OutOfMemory(
            f"{what}; {at_once} images at a time in each do",
            f"Go on with the same batch in {parts} parts, started as before: zoo resume {where} --accumulate {parts}",
        )
    return OutOfMemory(
        f"{what}; {at_once} images at a time do",
        f"Go on with the same batch in {parts} parts: zoo resume {where} --accumulate {parts}; or start again with "
        f"--batch {at_once}. Without asking next time: --set engine.when_full=accumulate",
    )


def _fits(trainer: Trainer, rows: Tensor, shown: int) -> bool:
    for optimizer in trainer.optimizers.values():
        optimizer.zero_grad()
    gc.collect()
    if trainer.engine.device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        seeded_step(trainer, rows, shown)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
