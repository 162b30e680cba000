"""The processes that train one model together, each on its part of every batch. One process is the usual case: then
nothing here costs anything, and accelerate is not imported.

Every process draws the same batch, codes and random numbers and takes its rows of them (`Engine.micro_batches`);
gradients are averaged by one flat all-reduce per optimiser step. DDP's wrappers are not used: they break on a penalty's
double backward and on every method but `forward`.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from zoo._utils.launch import launched_world_size
from zoo.errors import ConfigError, OutOfMemory, TrainingError

__all__ = [
    "all_gather",
    "all_reduce_mean",
    "all_reduce_step",
    "announce_failure",
    "any_rank",
    "join",
    "leave",
    "publish_failure",
    "rank",
    "rank_zero_first",
    "receive_failure",
    "require_same",
    "world_size",
]

T = TypeVar("T")


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _is_distributed() else 1


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if _is_distributed() else 0


def join(device: str) -> torch.device | None:
    """Meet the other processes that `torchrun` or `accelerate launch` started; gives this one's device.

    None where it was started alone. Raises ConfigError without accelerate, TrainingError where fewer meet than were
    started.
    """
    wanted = launched_world_size()
    if wanted == 1:
        return None
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ConfigError(
            f"{wanted} processes were started, and accelerate is not installed", "pip install 'aegan-zoo[dist]'"
        ) from error
    met = distributed.is_initialized()
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    if state.num_processes != wanted:
        raise TrainingError(
            f"{wanted} processes were started, {state.num_processes} met: each would train alone",
            "Start them with torchrun, or accelerate launch --multi_gpu.",
        )
    if not met:
        atexit.register(_leave)
    return torch.device("cpu") if state.device.type == "cpu" else state.device


def all_reduce_mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the processes; the tensor itself where there is one.

    What steers a run and is computed from this process's images alone (a balance such as BEGAN's k, an accuracy that
    ends a warm-up, an adaptive augmentation's strength, moving moments) goes through here before it is used, else
    the processes drift apart, and the next checkpoint refuses them. Every process must call it, equally often. `after`
    of an objective with buffers needs none of it: it sees the whole batch's judgement.
    """
    if not _is_distributed():
        return value
    total = value.detach().clone()
    with _peer_failures():
        distributed.all_reduce(total)
    return total / world_size()


def all_gather(value: Tensor) -> Tensor:
    """Every process's rows (n, ...) in the order of the batch, (n * size, ...)."""
    if not _is_distributed():
        return value
    found = [torch.empty_like(value) for _ in range(world_size())]
    with _peer_failures():
        distributed.all_gather(found, value.detach().contiguous())
    return torch.cat(found)


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether it is true in any process."""
    return all_reduce_mean(torch.tensor(float(flag), device=device)).item() > 0


@torch.no_grad()
def all_reduce_step(gradients: Sequence[Tensor], scalars: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Average gradients in place and scalars into a new mapping, over the processes, by one flat all-reduce."""
    if not _is_distributed():
        return dict(scalars)
    pieces = [*gradients, *scalars.values()]
    flat = torch.cat([piece.float().flatten() for piece in pieces])
    with _peer_failures():
        distributed.all_reduce(flat)
    means = [
        part.view_as(piece)
        for part, piece in zip((flat / world_size()).split([p.numel() for p in pieces]), pieces, strict=True)
    ]
    for gradient, mean in zip(gradients, means[: len(gradients)], strict=True):
        gradient.copy_(mean)
    return dict(zip(scalars, means[len(gradients) :], strict=True))


@torch.no_grad()
def require_same(modules: Mapping[str, nn.Module]) -> None:
    """Hold every process's weights against the first one's. Raises TrainingError naming the net that drifted."""
    if not _is_distributed():
        return
    for name, module in modules.items():
        weights = [weight.double().flatten() for weight in module.parameters()]
        if not weights:
            continue
        ours = torch.stack([part.sum() for part in weights] + [part.abs().sum() for part in weights])
        theirs = ours.clone()
        with _peer_failures():
            distributed.broadcast(theirs, 0)
        if any_rank(not torch.equal(ours, theirs), ours.device):
            raise TrainingError(
                f"the processes' weights of {name} are no longer the same",
                "Something that steers the run is not averaged: zoo.plugin.all_reduce_mean. Tell its author.",
            )


def rank_zero_first(first: Callable[[], T], then: Callable[[], T]) -> T:
    """`first` in the first process, and when that is done `then` in the others. Raises TrainingError in these where it
    was not."""
    if rank() == 0:
        value = first()
        _barrier()
        return value
    _barrier()
    return then()


def leave() -> bool:
    """Train no longer with the others, who then wait for this process's last word; whether that could be."""
    if not _is_distributed() or distributed.get_backend() != "gloo":  # others cannot be woken without a GPU's timeout
        return False
    announce_failure()
    distributed.destroy_process_group()
    return True


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def _peer_failures() -> Iterator[None]:
    """Where another process has left, its last word is the error."""
    try:
        yield
    except RuntimeError as error:
        said = receive_failure(rank())
        if said is not None:
            raise said from error
        raise TrainingError(
            f"process {rank()} lost the others",
            "The first error among the processes' output says why. Then go on: zoo resume RUN, started as before.",
        ) from error


def _barrier() -> None:
    if _is_distributed():
        with _peer_failures():
            distributed.barrier()


def _leave() -> None:
    if _is_distributed():
        distributed.destroy_process_group()


_TROUBLE, _WORD, _DONE = "zoo/trouble", "zoo/word", "zoo/done"
_MEET = timedelta(seconds=5)
_THINKING = timedelta(minutes=5)
"""How long others wait for one that finds out what fits into its memory."""


def announce_failure() -> None:
    """Before leaving: there will be a last word."""
    _store().set(_TROUBLE, "")


def publish_failure(error: OutOfMemory, rank: int, size: int) -> None:
    """The last word of process `rank` of `size`. The first process stays until the others heard it: the store may be
    its own."""
    store = _store()
    store.set(_WORD, json.dumps([error.message, error.hint]))
    store.set(f"{_DONE}/{rank}", "")
    if rank == 0:
        with suppress(RuntimeError):  # they may be gone already
            store.wait([f"{_DONE}/{other}" for other in range(size)], _MEET)


def receive_failure(rank: int) -> OutOfMemory | None:
    """What another process said before it left; None where it left without a word."""
    try:
        store = _store()
        if not store.check([_TROUBLE]):
            return None
        store.wait([_WORD], _THINKING)
        message, hint = json.loads(store.get(_WORD))
        store.set(f"{_DONE}/{rank}", "")
    except (RuntimeError, ValueError):
        return None
    return OutOfMemory(message, hint)


def _store() -> Any:
    """A line of one's own to where the processes met."""
    return distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=_MEET
    )
