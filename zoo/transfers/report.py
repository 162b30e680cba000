"""The report on a transfer: the origin of every tensor, and whether it is trained."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from zoo._utils import html
from zoo.networks.utils import always_frozen
from zoo.report.diagram import transfer_diagram
from zoo.transfers.plan import TransferPlan

__all__ = ["Report", "Row", "nets_of", "report_on"]


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor of the final nets.

    `origin` is copied, adapted, fitted or fresh; `how` lists the source tensors, mappings or fits in order; `state` is
    trained, frozen or buffer.
    """

    net: str
    tensor: str
    shape: tuple[int, ...]
    origin: str
    how: str
    state: str


@dataclass(frozen=True, slots=True)
class Report:
    """Every tensor of a transferred GAN. `source` is the SHA-256 of the autoencoder that it was planned from."""

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
        counts = ", ".join(f"{n} {origin}" for origin, n in self.count().items())
        rows = [(f"{r.net}.{r.tensor}", "x".join(map(str, r.shape)), r.origin, r.state, r.how) for r in self.rows]
        table = html.html_table(("tensor", "shape", "origin", "state", "how"), rows, f"{self.strategy}: {counts}")
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        diagram = transfer_diagram(self.plain(), self.strategy)
        return f"{diagram}{notes}<details><summary>Every tensor</summary>{table}</details>"

    def __str__(self) -> str:
        width = max((len(f"{row.net}.{row.tensor}") for row in self.rows), default=0)
        lines = [
            f"{row.net + '.' + row.tensor:<{width}}  {row.origin:<8}  {row.state:<8}  {row.how}".rstrip()
            for row in self.rows
        ]
        return "\n".join([f"strategy {self.strategy}, source {self.source[:12]}", *lines, *self.notes])


def nets_of(plan: TransferPlan) -> dict[str, nn.Module]:
    """Every net of a plan that an edit may change, by name."""
    nets: dict[str, nn.Module] = dict(plan.gan.parts)
    if plan.to_latent is not None:
        nets["to_latent"] = plan.to_latent
    if plan.objective is not None:
        nets["objective"] = plan.objective
    task: object = plan.task
    if isinstance(task, nn.Module):
        nets["task"] = task
    return nets | {f"losses.{name}": loss for name, loss in plan.losses.items()}


def report_on(plan: TransferPlan, strategy: str, source: str) -> Report:
    """The report on a plan; a tensor with two names is listed once, under the first."""
    origins: dict[tuple[str, str], tuple[str, str]] = {}
    for edit in plan.edits:
        _, before = origins.get((edit.net, edit.tensor), ("", ""))
        origins[edit.net, edit.tensor] = (edit.origin, f"{before}, then {edit.how}" if before else edit.how)
    rows: list[Row] = []
    listed: set[int] = set()
    for net, module in nets_of(plan).items():
        trainable = dict(module.named_parameters())
        frozen = plan.frozen.get(net, set()) | always_frozen(module)
        for name, tensor in module.state_dict(keep_vars=True).items():
            if id(tensor) in listed:
                continue
            listed.add(id(tensor))
            state = "frozen" if name in frozen else "trained" if name in trainable else "buffer"
            origin, how = origins.get((net, name), ("fresh", ""))
            rows.append(Row(net, name, tuple(tensor.shape), origin, how, state))
    return Report(tuple(rows), source, strategy, tuple(plan.notes))
