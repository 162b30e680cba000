"""Says while a GAN trains that it goes wrong, and what to change. It looks at figures only and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["StabilityWatch"]

_SATURATED = 0.98
_EXPLODED = 100.0
_FALLEN = 1.5
_THIN = 0.2


class StabilityWatch:
    """Feed it ticks, samples' spreads and metrics; it gives warnings, each kind once until it has recovered.

    - `saturated`: D ranks 98 % of pairs right for a twentieth of the budget (and 2,000 images) without a break.
    - `exploding`: a side's gradient is 100 times its usual norm.
    - `collapsed`: generated samples vary a fifth as much as real ones do.
    - `falling`: KID is 1.5 times its best in two measurements in a row.
    """

    def __init__(self, total: int, real_spread: float | None = None) -> None:
        self.patience = max(2_000, total // 20)
        self.real_spread = real_spread
        self._since: int | None = None
        self._usual: dict[str, float] = {}
        self._told: set[str] = set()
        self._best: tuple[float, int] | None = None
        self._worse = 0

    def tick(self, facts: Mapping[str, Any], shown: int) -> list[dict[str, str]]:
        """Warnings after a tick's mean figures."""
        wins = facts.get("d_wins")
        if wins is not None:
            self._since = None if wins < _SATURATED else self._since if self._since is not None else shown
        warnings = self._state(
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
            warnings += self._state(
                f"exploding/{side}",
                usual > 0 and norm > _EXPLODED * usual,
                f"{side.upper()}'s gradient norm is {norm:.3g}, usually {usual:.3g}",
                "Lower the learning rates, or raise the regulariser's gamma.",
            )
            self._usual[side] = 0.9 * usual + 0.1 * min(norm, 10 * usual)
        return warnings

    def spread(self, value: float) -> list[dict[str, str]]:
        """Warnings after a look at samples: `value` is their standard deviation, averaged over values."""
        if not self.real_spread:
            return []
        return self._state(
            "collapsed",
            value < _THIN * self.real_spread,
            f"generated samples vary {value / self.real_spread:.0%} as much as real ones: modes are missing",
            "Go back to an earlier checkpoint; add the strategy recon-anchor, or a relativistic loss with core/r1-r2.",
        )

    def measured(self, kid: float, shown: int) -> list[dict[str, str]]:
        """Warnings after a measurement."""
        if self._best is None or kid < self._best[0]:
            self._best, self._worse = (kid, shown), 0
            return self._state("falling", False, "", "")
        self._worse = self._worse + 1 if kid > _FALLEN * self._best[0] and self._best[0] > 0 else 0
        return self._state(
            "falling",
            self._worse >= 2,
            f"KID is {kid:.4g}, it was {self._best[0]:.4g} after {self._best[1]:,} images",
            "Stop there, lower the learning rates, or raise the regulariser's gamma.",
        )

    def _state(self, kind: str, wrong: bool, what: str, advice: str) -> list[dict[str, str]]:
        if not wrong:
            self._told.discard(kind)
            return []
        if kind in self._told:
            return []
        self._told.add(kind)
        return [{"warning": kind.partition("/")[0], "what": what, "advice": advice}]
