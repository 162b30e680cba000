"""What happened to every tensor: where it came from, and what training may do to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from zoo._utils import html
from zoo.networks.utils import always_frozen
from zoo.report.moves import moves
from zoo.transfers.plan import TransferPlan

__all__ = ["Report", "Row", "nets_of", "report_on"]


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor of the final nets.

    `origin` is copied, adapted, fitted or fresh; `how` the source tensor, bridge or fit, all of them in order;
    `state` is trained, frozen or buffer.
    """

    net: str
    tensor: str
    shape: tuple[int, ...]
    origin: str
    how: str
    state: str


@dataclass(frozen=True, slots=True)
class Report:
    """Every tensor of a transferred GAN. `source` is the sha256 of the autoencoder that it was planned from."""

    rows: tuple[Row, ...]
    source: str
    strategy: str
    notes: tuple[str, ...] = ()

    def count(self, net: str | None = None) -> dict[str, int]:
        """How many tensors have each origin, in one net or in all."""
        return dict(Counter(row.origin for row in self.rows if net in (None, row.net)))

    def plain(self) -> list[dict[str, Any]]:
        """The rows as plain data."""
        return [asdict(row) | {"shape": list(row.shape)} for row in self.rows]

    def _repr_html_(self) -> str:
        counted = ", ".join(f"{n} {origin}" for origin, n in self.count().items())
        rows = [(f"{r.net}.{r.tensor}", "x".join(map(str, r.shape)), r.origin, r.state, r.how) for r in self.rows]
        every = html.table(("tensor", "shape", "origin", "state", "how"), rows, f"{self.strategy}: {counted}")
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"{moves(self.plain(), self.strategy)}{notes}<details><summary>Every tensor</summary>{every}</details>"

    def __str__(self) -> str:
        width = max((len(f"{row.net}.{row.tensor}") for row in self.rows), default=0)
        lines = [
            f"{row.net + '.' + row.tensor:<{width}}  {row.origin:<8}  {row.state:<8}  {row.how}".rstrip()
            for row in self.rows
        ]
        return "\n".join([f"strategy {self.strategy}, source {self.source[:12]}", *lines, *self.notes])


def nets_of(transfer: TransferPlan) -> dict[str, nn.Module]:
    """Every net whose tensors an edit may name."""
    nets: dict[str, nn.Module] = dict(transfer.gan.parts)
    if transfer.to_latent is not None:
        nets["to_latent"] = transfer.to_latent
    if transfer.objective is not None:
        nets["objective"] = transfer.objective
    task: object = transfer.task
    if isinstance(task, nn.Module):
        nets["task"] = task
    return nets | {f"losses.{name}": term for name, term in transfer.losses.items()}


def report_on(transfer: TransferPlan, strategy: str, source: str) -> Report:
    """The report of a plan; tensors shared by two names are listed once, under the first."""
    origins: dict[tuple[str, str], tuple[str, str]] = {}
    for edit in transfer.edits:
        _, before = origins.get((edit.net, edit.tensor), ("", ""))
        origins[edit.net, edit.tensor] = (edit.origin, f"{before}, then {edit.how}" if before else edit.how)
    rows: list[Row] = []
    seen: set[int] = set()
    for net, module in nets_of(transfer).items():
        trainable = dict(module.named_parameters())
        frozen = transfer.frozen.get(net, set()) | always_frozen(module)
        for name, tensor in module.state_dict(keep_vars=True).items():
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            state = "frozen" if name in frozen else "trained" if name in trainable else "buffer"
            origin, how = origins.get((net, name), ("fresh", ""))
            rows.append(Row(net, name, tuple(tensor.shape), origin, how, state))
    return Report(tuple(rows), source, strategy, tuple(transfer.notes))
