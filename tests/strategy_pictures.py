"""Pictures of what each strategy transfers, one SVG per strategy, computed from its plan.

The autoencoder and the images are on the left, the GAN on the right, and what the strategy adds (losses, maps, tasks)
in between. Every box, arrow and count comes from `plan`. Colours are legible on white and on black.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html import escape
from typing import NamedTuple, cast

from torch import nn

import zoo
from zoo.losses.types import AuxiliaryLoss, Side
from zoo.networks.autoencoder import Autoencoder
from zoo.transfers.beginning import begins_with_gan
from zoo.transfers.plan import TransferPlan
from zoo.transfers.report import report_on
from zoo.transfers.strategies import plan, resolve_strategies
from zoo.types import Condition, DataSpec, PartSpec

__all__ = ["ALONGSIDE", "picture", "planned"]

ALONGSIDE = {
    "random-encoder": "encoder-init",
    "shuffled-init": "decoder-init+encoder-init",
    "freeze-lower": "encoder-init",
    "recalibrated-norm": "decoder-init",
    "l2-sp": "decoder-init",
    "ewc": "decoder-init",
    "miner": "decoder-init",
    "class-embedding": "decoder-init",
    "class-normalisation": "decoder-init",
    "class-projection": "encoder-init",
    "class-auxiliary": "encoder-init+class-embedding",
}
"""The strategy that is drawn together with one that transfers no weights itself."""

_INK = "#6e7781"
_FILL = {"source": "#6e4fb0", "trained": "#1a7f37", "frozen": "#0b62c4", "buffer": "#57606a", "loss": "#9a4a00"}
_ARROW = {"copied": _INK, "adapted": "#bf6a02", "fitted": "#8e5bd0", "loss": "#d1383d", "start": _INK}
_DASH = {"fitted": "2 3", "loss": "6 3"}
_LINE, _PAD = 17, 7
_COLUMNS = {"source": (8, 150), "added": (262, 226), "gan": (594, 256)}
_WIDTH = 858
_ORDER = ["prior", "generator", "discriminator", "objective"]


@dataclass
class _Box:
    title: str
    column: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    top: int = 0

    @property
    def height(self) -> int:
        return _PAD * 2 + _LINE * (1 + len(self.lines))

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


class _Arrow(NamedTuple):
    start: str
    end: str
    kind: str
    count: int = 0


def planned(name: str) -> tuple[Autoencoder, TransferPlan]:
    """The plan of the strategy (and what it is drawn with) for a dcgan autoencoder of 16 px, and that autoencoder."""
    config = {"width": 8, "norm": "batch"} if name == "recalibrated-norm" else {"width": 8}
    part = PartSpec("dcgan", config)
    source = zoo.autoencoder(part, part, shape=(1, 16, 16), code_shape=16, device="meta")
    data = (
        replace(source.data, condition=Condition(("coat", "dress", "hat")))
        if name.startswith("class-")
        else source.data
    )
    strategy = "+".join(filter(None, (ALONGSIDE.get(name), name)))
    resolved = resolve_strategies(strategy)
    if not begins_with_gan(resolved):
        return source, plan(source, zoo.gan(like=source, data=data, device="meta"), resolved)
    codes = DataSpec(source.code_shape, kind="code", bounded=False)
    return source, plan(source, zoo.gan("mlp", "mlp", data=codes, code_shape=8, device="meta"), resolved)


def picture(name: str) -> str:
    """The SVG of one strategy."""
    source, transfer = planned(name)
    boxes, arrows = _boxes(source, transfer), _arrows(transfer)
    used = {arrow.start for arrow in arrows}
    boxes = {key: box for key, box in boxes.items() if key in used or key not in ("codes", "gan")}
    height = _place(boxes)
    parts = [_heading(), *_drawn_arrows(boxes, arrows), *(_drawn(box) for box in boxes.values())]
    if ALONGSIDE.get(name):
        parts.append(_text(8, height + 12, f"drawn together with {ALONGSIDE[name]}", 12))
    parts.append(_legend(height + 30))
    title = f"What {name} transfers from the autoencoder to the GAN"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height + 46}" width="{_WIDTH}" '
        f'font-family="sans-serif" role="img"><title>{escape(title)}</title>\n' + "\n".join(parts) + "\n</svg>\n"
    )


# ---------------------------------------------------------------- what is in the plan


def _boxes(source: Autoencoder, transfer: TransferPlan) -> dict[str, _Box]:
    """Boxes by key, the source's, the added ones, the GAN's."""
    changed = Counter((edit.net.removeprefix("source."), edit.how) for edit in transfer.edits if _in_source(edit.net))
    boxes = {role: _Box(role, "source") for role in ("decoder", "bottleneck", "encoder")}
    for (role, how), n in changed.items():
        boxes[role].lines.append((f"{n} tensors", _what(how)))
    boxes = {
        "gan": _Box("a GAN of codes", "source", [("its generator and prior", "")]),
        "codes": _Box("your images", "source", [("and their codes", "")]),
        **boxes,
    }
    nets: dict[str, list[tuple[str, str, str]]] = {}
    for row in report_on(transfer, "", "").rows:
        nets.setdefault(row.net, []).append((row.tensor, row.origin, row.state))
    for key in sorted(nets, key=lambda net: _ORDER.index(net) if net in _ORDER else -1):
        inside = key in _ORDER[:3]
        box = _Box(_title(key, transfer), "gan" if inside else "added", _groups(nets[key]))
        boxes[key] = box
    for key in (f"losses.{name}" for name in transfer.losses):
        if key not in boxes:  # it has no tensor
            boxes[key] = _Box(_title(key, transfer), "added")
    if "prior" not in boxes:
        boxes["prior"] = _Box(_title("prior", transfer), "gan")
    if transfer.task is not None and "discriminator" not in transfer.task.trained_modules(Side.DISCRIMINATOR):
        boxes["discriminator"].lines = [("not used in this task", "")]
    for key, schedules in transfer.schedules.items():
        net = key.partition(".")[0]
        boxes[net].lines.append(("learning rate", f"{len(schedules)} schedule"))
    order = [
        "gan",
        "codes",
        "decoder",
        "bottleneck",
        "encoder",
        *(k for k in boxes if boxes[k].column == "added"),
        *_ORDER,
    ]
    return {key: boxes[key] for key in dict.fromkeys(order) if key in boxes}


def _groups(rows: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """One line for the tensors that share an origin and a state: their shortened names, how many, origin and state."""
    groups: dict[tuple[str, str], list[str]] = {}
    for tensor, origin, state in rows:
        groups.setdefault((origin, state), []).append(tensor)
    lines = []
    for (origin, state), tensors in groups.items():
        others = {name for key, names in groups.items() if key != (origin, state) for name in names}
        lines.append((_short(tensors, others), f"{len(tensors)} {origin}, {state}"))
    return lines


def _short(tensors: list[str], others: set[str]) -> str:
    """The shortest prefixes that these tensors do not share with the others, else the last parts of their names."""

    def cut(names: Iterable[str], part: slice) -> list[str]:
        return list(dict.fromkeys(".".join(re.split(r"[./]", name)[part]) for name in names))

    parts = [slice(0, 1), slice(0, 2), slice(0, 3), slice(-1, None)]
    distinct = (cut(tensors, part) for part in parts if not set(cut(tensors, part)) & set(cut(others, part)))
    return ", ".join(next(distinct, cut(tensors, parts[0])))


def _title(net: str, transfer: TransferPlan) -> str:
    if net in transfer.gan.specs:
        component = transfer.gan.specs[net].component
        return f"{net}: {component.rpartition('/')[2]}"
    if net.startswith("losses."):
        return net.removeprefix("losses.transfer/").replace("/", ": ")
    if net == "objective":
        return f"objective: {type(transfer.objective).__name__}"
    return {"to_latent": "codes to z", "task": f"task: {type(transfer.task).__name__}"}.get(net, net)


def _arrows(transfer: TransferPlan) -> list[_Arrow]:
    """One for each pair of boxes and kind."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for edit in transfer.edits:
        if not _in_source(edit.net):
            counts[_origin(edit.how, edit.origin), edit.net, edit.origin] += 1
    arrows = [
        _Arrow(start, end, "start" if start in _ORDER[1:] else kind, n) for (start, end, kind), n in counts.items()
    ]
    for name, loss in transfer.losses.items():
        arrows.append(_Arrow(f"losses.{name}", str(cast(AuxiliaryLoss, loss).side), "loss"))
    if isinstance(transfer.objective, nn.Module):
        arrows += [_Arrow("objective", side, "loss") for side in ("generator", "discriminator")]
    if isinstance(transfer.task, nn.Module):
        arrows.append(_Arrow("task", "generator", "loss"))
    return arrows


def _origin(how: str, origin: str) -> str:
    """Which box a value comes from."""
    if re.match(r"(.*: )?(encoder|bottleneck|decoder)\.", how) and origin != "fitted":
        copied = re.search(r"\b(encoder|bottleneck|decoder)\.", how)
        assert copied is not None
        return copied[1]
    learnt = re.search(r"\bthe (encoder|bottleneck|decoder)'s\b", how)
    if learnt:
        return learnt[1]
    for net in ("generator", "discriminator"):
        if how.startswith(f"{net}.") or how.endswith(f"of the {net}"):
            return net
    if how in ("the GAN's generator", "the scaling of the codes"):
        return "gan"
    return "codes" if "prior" not in how else "prior"


def _in_source(net: str) -> bool:
    return net.startswith("source.")


def _what(how: str) -> str:
    return "shuffled" if "shuffl" in how else "fresh"


# ---------------------------------------------------------------- drawing


def _place(boxes: dict[str, _Box]) -> int:
    """Stack each column; returns the height of the highest."""
    lowest = 0
    for column in _COLUMNS:
        y = 30
        for box in (box for box in boxes.values() if box.column == column):
            box.top = y
            y += box.height + 14
        lowest = max(lowest, y)
    return lowest


def _heading() -> str:
    titles = {"source": "autoencoder", "added": "added for training", "gan": "GAN"}
    return "".join(_text(x, 18, titles[column], 13, bold=True) for column, (x, _) in _COLUMNS.items())


def _drawn(box: _Box) -> str:
    x, width = _COLUMNS[box.column]
    states = [state.rpartition(", ")[2] for _, state in box.lines]
    fill = _FILL["source"] if box.column == "source" else _FILL["loss"] if box.column == "added" else ""
    if not fill:
        fill = _FILL["trained" if "trained" in states else "frozen" if "frozen" in states else "buffer"]
    out = [f'<rect x="{x}" y="{box.top}" width="{width}" height="{box.height}" rx="6" fill="{fill}"/>']
    y = box.top + _PAD + 12
    out.append(_text(x + 8, y, box.title, 13, "#ffffff", bold=True))
    for name, state in box.lines:
        y += _LINE
        if "frozen" in state and fill != _FILL["frozen"] and box.column == "gan":
            row = f'x="{x + 3}" y="{y - 13}" width="{width - 6}" height="{_LINE}" rx="3"'
            out.append(f'<rect {row} fill="{_FILL["frozen"]}"/>')
        room = int((width - 20 - 5.7 * len(state)) / 5.9)
        out.append(_text(x + 8, y, name if len(name) <= room else f"{name[: room - 2]}..", 11, "#ffffff"))
        out.append(_text(x + width - 8, y, state, 11, "#ffffff", end=True))
    return "".join(out)


def _drawn_arrows(boxes: dict[str, _Box], arrows: list[_Arrow]) -> list[str]:
    """Every arrow from and to a place of its own at its boxes; what leaves a box alike is labelled once, with the
    sum."""
    ends = [(arrow, side) for side in ("start", "end") for arrow in arrows]
    places: dict[tuple[_Arrow, str], float] = {}
    for key, box in boxes.items():
        for left in (True, False):
            here = [end for end in ends if getattr(end[0], end[1]) == key and _at_left(boxes, *end) == left]
            here.sort(key=lambda end: boxes[end[0].end if end[1] == "start" else end[0].start].middle)
            for i, end in enumerate(here):
                places[end] = box.top + box.height * (i + 1) / (len(here) + 1)
    labelled: set[tuple[str, str]] = set()
    paths = []
    for arrow in arrows:
        alike = [other for other in arrows if (other.start, other.kind) == (arrow.start, arrow.kind)]
        label = "" if (arrow.start, arrow.kind) in labelled else _label(arrow.kind, sum(a.count for a in alike))
        labelled.add((arrow.start, arrow.kind))
        paths.append(_drawn_arrow(boxes, arrow, places[arrow, "start"], places[arrow, "end"], label))
    return paths


def _at_left(boxes: dict[str, _Box], arrow: _Arrow, side: str) -> bool:
    """Whether the arrow touches the left side of its box: at its end, unless it runs backwards, and within a column."""
    columns = list(_COLUMNS)
    if boxes[arrow.start].column == boxes[arrow.end].column:
        return True
    back = columns.index(boxes[arrow.start].column) > columns.index(boxes[arrow.end].column)
    return (side == "end") != back


def _label(kind: str, count: int) -> str:
    return "loss" if kind == "loss" else f"{count} initial values" if kind == "start" else f"{count} {kind}"


def _drawn_arrow(boxes: dict[str, _Box], arrow: _Arrow, y1: float, y2: float, label: str) -> str:
    def side(key: str, left: bool) -> int:
        x, width = _COLUMNS[boxes[key].column]
        return x if left else x + width

    x1, x2 = (side(getattr(arrow, end), _at_left(boxes, arrow, end)) for end in ("start", "end"))
    tip = 7 if x2 >= x1 else -7
    bend = (x1 + x2) / 2 if x1 != x2 else x1 - 60
    dash = f' stroke-dasharray="{_DASH[arrow.kind]}"' if arrow.kind in _DASH else ""
    colour = _ARROW[arrow.kind]
    return (
        f'<path d="M{x1},{y1:.0f} C{bend:.0f},{y1:.0f} {bend:.0f},{y2:.0f} {x2 - tip},{y2:.0f}" fill="none" '
        f'stroke="{colour}" stroke-width="2"{dash}/>'
        f'<path d="M{x2},{y2:.0f} l{-tip},-4 v8 z" fill="{colour}"/>'
        + (_text(x1 + (8 if x2 > x1 else -8), y1 - 4, label, 11, colour, end=x2 <= x1) if label else "")
    )


def _legend(y: int) -> str:
    out, x = [], 8
    for word, colour in (("trained", "trained"), ("frozen", "frozen"), ("not trained", "buffer"), ("added", "loss")):
        out.append(f'<rect x="{x}" y="{y - 9}" width="12" height="11" rx="2" fill="{_FILL[colour]}"/>')
        out.append(_text(x + 17, y, word, 11))
        x += 30 + 7 * len(word)
    return "".join(out)


def _text(
    x: float, y: float, words: str, size: int, colour: str = _INK, *, bold: bool = False, end: bool = False
) -> str:
    weight, anchor = ' font-weight="bold"' * bold, ' text-anchor="end"' * end
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}"{weight}{anchor}>{escape(words)}</text>'
