"""Data-parallel training in several processes. With one process, the usual case, these functions do nothing, and
accelerate is not imported.

Every process draws the same batch, codes and random numbers and uses its rows of them (`Engine.micro_batches`); only
the networks draw their own (`zoo.training.trainer.seeded_step`). Gradients are averaged by one flat all-reduce per
optimiser step. DDP is not used: it does not support a penalty's double backward, or methods other than `forward`.
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
    """The number of processes that train together."""
    return distributed.get_world_size() if _is_distributed() else 1


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if _is_distributed() else 0


def join(device: str) -> torch.device | None:
    """Join the process group of `torchrun` or `accelerate launch`; this process's device, or None without a launcher.

    Raises ConfigError without accelerate, TrainingError if not all launched processes join.
    """
    launched = launched_world_size()
    if launched == 1:
        return None
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise ConfigError(
            f"{launched} processes were started, and accelerate is not installed", "pip install 'aegan-zoo[dist]'"
        ) from error
    joined = distributed.is_initialized()
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    if state.num_processes != launched:
        raise TrainingError(
            f"{launched} processes were started, {state.num_processes} joined: each would train alone",
            "Start them with torchrun, or accelerate launch --multi_gpu.",
        )
    if not joined:
        atexit.register(_destroy_group)
    return torch.device("cpu") if state.device.type == "cpu" else state.device


def all_reduce_mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the processes; with one process, the tensor itself.

    Every value that controls training and is computed from this process's images (BEGAN's k, an accuracy that ends a
    warm-up, the strength of an adaptive augmentation, moving moments) must be averaged before it is used. Otherwise the
    processes' weights diverge, which the next checkpoint detects. All processes must call it equally often. An
    objective's `after_step` does not need it: its logits are of the whole batch.
    """
    if not _is_distributed():
        return value
    total = value.detach().clone()
    with _peer_failures():
        distributed.all_reduce(total)
    return total / world_size()


def all_gather(value: Tensor) -> Tensor:
    """The rows (n, ...) of all processes in the order of the batch, (n * world size, ...)."""
    if not _is_distributed():
        return value
    rows = [torch.empty_like(value) for _ in range(world_size())]
    with _peer_failures():
        distributed.all_gather(rows, value.detach().contiguous())
    return torch.cat(rows)


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether it is true in any process."""
    return all_reduce_mean(torch.tensor(float(flag), device=device)).item() > 0


@torch.no_grad()
def all_reduce_step(gradients: Sequence[Tensor], scalars: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Average over the processes by one flat all-reduce: gradients in place, scalars in a new mapping."""
    if not _is_distributed():
        return dict(scalars)
    tensors = [*gradients, *scalars.values()]
    flat = torch.cat([tensor.float().flatten() for tensor in tensors])
    with _peer_failures():
        distributed.all_reduce(flat)
    chunks = (flat / world_size()).split([tensor.numel() for tensor in tensors])
    means = [chunk.view_as(tensor) for chunk, tensor in zip(chunks, tensors, strict=True)]
    for gradient, mean in zip(gradients, means[: len(gradients)], strict=True):
        gradient.copy_(mean)
    return dict(zip(scalars, means[len(gradients) :], strict=True))


@torch.no_grad()
def require_same(modules: Mapping[str, nn.Module]) -> None:
    """Compare every process's weights with rank zero's. Raises TrainingError with the net that differs."""
    if not _is_distributed():
        return
    for name, module in modules.items():
        weights = [weight.double().flatten() for weight in module.parameters()]
        if not weights:
            continue
        sums = torch.stack([weight.sum() for weight in weights] + [weight.abs().sum() for weight in weights])
        rank_zero_sums = sums.clone()
        with _peer_failures():
            distributed.broadcast(rank_zero_sums, 0)
        if any_rank(not torch.equal(sums, rank_zero_sums), sums.device):
            raise TrainingError(
                f"the processes' weights of {name} are no longer the same",
                "A value that controls training is not averaged (zoo.plugin.all_reduce_mean). Tell its author.",
            )


def rank_zero_first(first: Callable[[], T], then: Callable[[], T]) -> T:
    """Run `first` in rank zero, and `then` in the other processes afterwards. In these, raises TrainingError if `first`
    failed."""
    if rank() == 0:
        value = first()
        _barrier()
        return value
    _barrier()
    return then()


def leave() -> bool:
    """Leave the process group, so that the others wait for this process's error. False if that is not possible."""
    if not _is_distributed() or distributed.get_backend() != "gloo":  # NCCL's collectives cannot be interrupted
        return False
    announce_failure()
    distributed.destroy_process_group()
    return True


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def _peer_failures() -> Iterator[None]:
    """If a collective fails because another process left the group, raise that process's error."""
    try:
        yield
    except RuntimeError as error:
        failure = receive_failure(rank())
        if failure is not None:
            raise failure from error
        raise TrainingError(
            f"process {rank()} lost the connection to the others",
            "The first error in the processes' output is the cause. Then: zoo resume RUN, started as before.",
        ) from error


def _barrier() -> None:
    if _is_distributed():
        with _peer_failures():
            distributed.barrier()


def _destroy_group() -> None:
    if _is_distributed():
        distributed.destroy_process_group()


_FAILED, _ERROR, _DONE = "zoo/trouble", "zoo/word", "zoo/done"
_CONNECT_TIMEOUT = timedelta(seconds=5)
_ERROR_TIMEOUT = timedelta(minutes=5)
"""How long processes wait for the error of one that measures which batch fits into its memory."""


def announce_failure() -> None:
    """Announce, before leaving the group, that an error will be published."""
    _store().set(_FAILED, "")


def publish_failure(error: OutOfMemory, rank: int, size: int) -> None:
    """Send the error of process `rank` of `size` to the others. Rank zero waits until they have received it, as it may
    host the store."""
    store = _store()
    store.set(_ERROR, json.dumps([error.message, error.hint]))
    store.set(f"{_DONE}/{rank}", "")
    if rank == 0:
        with suppress(RuntimeError):  # they may have ended already
            store.wait([f"{_DONE}/{other}" for other in range(size)], _CONNECT_TIMEOUT)


def receive_failure(rank: int) -> OutOfMemory | None:
    """The error of a process that left the group; None if it published none."""
    try:
        store = _store()
        if not store.check([_FAILED]):
            return None
        store.wait([_ERROR], _ERROR_TIMEOUT)
        message, hint = json.loads(store.get(_ERROR))
        store.set(f"{_DONE}/{rank}", "")
    except (RuntimeError, ValueError):
        return None
    return OutOfMemory(message, hint)


def _store() -> Any:
    """A separate connection to the store of the process group."""
    return distributed.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=_CONNECT_TIMEOUT
    )
