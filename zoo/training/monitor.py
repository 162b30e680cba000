"""Warns while a GAN trains that it goes wrong, and says what to change. It reads figures and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MonitorState", "TrainingMonitor"]

_SATURATED = 0.98
_EXPLODED = 100.0
_FALLEN = 1.5
_THIN = 0.2
_LOST = 0.5
_MIN_RECALL = 0.05
"""A fall from a lower recall than this means nothing."""


@dataclass(frozen=True)
class MonitorState:
    """What a monitor has seen, for a checkpoint: the images shown since D saturated, the usual gradient norms, the
    warnings that were given, each metric's best value and when it was measured, how often each was worse in a row, and
    whether gradients exploded."""

    since: int | None = None
    usual: dict[str, float] = field(default_factory=dict)
    warned: tuple[str, ...] = ()
    best: dict[str, tuple[float, int]] = field(default_factory=dict)
    worse: dict[str, int] = field(default_factory=dict)
    exploded: bool = False  # checkpoints of earlier versions lack it


class TrainingMonitor:
    """Give it ticks, the standard deviation of samples, and metrics; it returns warnings, each kind once until the run
    has recovered.

    - `saturated`: D ranks 98 % of pairs right for a twentieth of the budget (and 2,000 images) without a break.
    - `exploding`: a side's gradient is 100 times its usual norm.
    - `collapsed`: recall is half of its best in two measurements in a row; if no recall is measured, generated
      samples vary a fifth as much as real ones do.
    - `falling`: KID is 1.5 times its best in two measurements in a row.

    A resumed run continues with the `state` in its checkpoint.
    """

    def __init__(self, total: int, real_std: float | None = None) -> None:
        self.patience = max(2_000, total // 20)
        self.real_std = real_std
        self._since: int | None = None
        self._usual: dict[str, float] = {}
        self._warned: set[str] = set()
        self._best: dict[str, tuple[float, int]] = {}
        self._worse: dict[str, int] = {}
        self._exploded = False

    def state(self) -> MonitorState:
        """Everything to restore."""
        return MonitorState(
            self._since,
            dict(self._usual),
            tuple(sorted(self._warned)),
            dict(self._best),
            dict(self._worse),
            self._exploded,
        )

    def load_state(self, state: MonitorState) -> None:
        """Restore what `state` returned."""
        self._since = state.since
        self._usual = dict(state.usual)
        self._warned = set(state.warned)
        self._best = dict(state.best)
        self._worse = dict(state.worse)
        self._exploded = state.exploded

    def tick(self, facts: Mapping[str, Any], shown: int) -> list[dict[str, str]]:
        """Warnings after a tick's mean figures."""
        wins = facts.get("d_wins")
        if wins is not None:
            self._since = None if wins < _SATURATED else self._since if self._since is not None else shown
        warnings = self._warn(
            "saturated",
            self._since is not None and shown - self._since >= self.patience,
            f"D tells {wins or 0:.0%} of real from generated images: G learns little from it",
            "Raise the regulariser's gamma, lower discriminator_lr, or add augment=colour+translation.",
        )
        for side in ("d", "g"):
            norm = facts.get(f"{side}_gradient")
            if norm is None:
                continue
            usual = self._usual.setdefault(side, norm)
            warnings += self._warn(
                f"exploding/{side}",
                usual > 0 and norm > _EXPLODED * usual,
                f"{side.upper()}'s gradient norm is {norm:.3g}, usually {usual:.3g}",
                "gradient_limit clips it. If KID gets worse, lower the learning rates or raise the regulariser's gamma."
                if f"{side}_held" in facts
                else "Both networks may diverge within ten steps. Start again, or continue from an earlier checkpoint "
                "with gradient_limit=3, lower learning rates or a larger gamma of the regulariser.",
            )
            self._exploded |= f"exploding/{side}" in self._warned and f"{side}_held" not in facts
            self._usual[side] = 0.9 * usual + 0.1 * min(norm, 10 * usual)
        return warnings

    def sample_std(self, value: float) -> list[dict[str, str]]:
        """Warnings for samples whose standard deviation, averaged over their values, is `value`. None once a recall was
        measured, which is more reliable."""
        if not self.real_std or "recall" in self._best:
            return []
        return self._collapse(
            value < _THIN * self.real_std,
            f"generated samples vary {value / self.real_std:.0%} as much as real ones: modes are missing",
        )

    def metrics(self, figures: Mapping[str, float], shown: int) -> list[dict[str, str]]:
        """Warnings after a measurement of `kid`, `recall` or both; other figures are ignored."""
        warnings = []
        if "kid" in figures:
            kid, best = figures["kid"], self._best.get("kid", (float("inf"), 0))
            self._compare("kid", kid, shown, better=kid < best[0], worse=best[0] > 0 and kid > _FALLEN * best[0])
            best = self._best["kid"]
            warnings += self._warn(
                "falling",
                self._worse["kid"] >= 2,
                f"KID is {kid:.4g}, it was {best[0]:.4g} after {best[1]:,} images",
                "Gradients had exploded before: go back to a checkpoint from before that, with gradient_limit=3."
                if self._exploded
                else "Stop there, lower the learning rates, or raise the regulariser's gamma.",
            )
        if "recall" in figures:
            recall, best = figures["recall"], self._best.get("recall", (-1.0, 0))
            lost = best[0] > _MIN_RECALL and recall < _LOST * best[0]
            self._compare("recall", recall, shown, better=recall > best[0], worse=lost)
            best = self._best["recall"]
            warnings += self._collapse(
                self._worse["recall"] >= 2,
                f"recall is {recall:.2g}, it was {best[0]:.2g} after {best[1]:,} images: modes are dropped",
            )
        return warnings

    def _compare(self, name: str, value: float, shown: int, *, better: bool, worse: bool) -> None:
        if better:
            self._best[name] = (value, shown)
        self._worse[name] = self._worse.get(name, 0) + 1 if worse and not better else 0

    def _collapse(self, wrong: bool, what: str) -> list[dict[str, str]]:
        saturated = "saturated" in self._warned
        advice = (
            "Go back to an earlier checkpoint; add the strategy recon-anchor, or a relativistic loss with core/r1-r2."
        )
        if self._exploded:
            what += "; gradients had exploded before"
            advice = "Go back to a checkpoint from before that, with gradient_limit=3 or lower learning rates."
        elif saturated:
            what += "; D saturates as well"
            advice = (
                "Go back to an earlier checkpoint; raise the regulariser's gamma or add augment=colour+translation."
            )
        return self._warn("collapsed", wrong, what, advice)

    def _warn(self, kind: str, wrong: bool, what: str, advice: str) -> list[dict[str, str]]:
        if not wrong:
            self._warned.discard(kind)
            return []
        if kind in self._warned:
            return []
        self._warned.add(kind)
        return [{"warning": kind.partition("/")[0], "what": what, "advice": advice}]
