"""The loss of an autoencoder of rows: for each column what suits its kind."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.plugin import Autoencoder, CompositionError, DataSpec, Losses, normal_like, per_sample
from zoo_tables.columns import Block
from zoo_tables.config import RowLossConfig
from zoo_tables.networks import RowGenerator, blocks_in

__all__ = ["RowLoss"]

_FLOOR = 1e-3
"""Errors of numbers below this are not worth more precision: it is 3 % of a standard deviation."""
_SMALLEST = 1e-6


class RowLoss:
    """The mean over columns of

        numbers:     log(E (x - y)^2 + floor) / 2, a Gaussian with the best variance for the batch (Rybkin et al. 2021,
                     "Simple and effective VAE training with calibrated decoders"), over the rows that have the value
        categories:  - E log y_c for the row's own category c

    plus, with a bottleneck that has a variance, beta KL(q(z|x) || N(0, I)) / columns, else code_penalty E ||z||^2 / 2.
    With `hidden` the encoder sees 0 in place of some columns of each row, and y must fill them in (a masked
    autoencoder of rows).
    """

    def __init__(self, config: RowLossConfig) -> None:
        self.config = config
        self._blocks: tuple[DataSpec, list[Block]] | None = None

    def loss(self, autoencoder: Autoencoder, x: Tensor, rng: torch.Generator, shown: int) -> Losses:
        """x (N, width) -> the loss; `rng` draws noise and the columns to hide."""
        config = self.config
        blocks = self._blocks_of(autoencoder.data)
        mean, logvar = autoencoder.posterior(_hide(x, blocks, config.hidden, rng) if config.hidden else x)
        code = mean
        if logvar is not None:
            code = mean + torch.exp(0.5 * logvar) * normal_like(mean, rng)
        elif config.noise:
            code = mean + config.noise * normal_like(mean, rng)
        decoder = autoencoder.decoder
        if not isinstance(decoder, RowGenerator):
            raise CompositionError(
                f"objective tables/rows trains the decoder tables/rows, not {autoencoder.specs['decoder'].component}",
                "Use that one, or the objective core/ae.",
            )
        numbers, choices = _errors(x, decoder.shares(code), blocks)
        columns = 1 + blocks[-1].column
        total = (sum(numbers) + sum(choices)) / columns + x.new_zeros(())
        if logvar is not None:
            divergence = 0.5 * (mean.square() + logvar.exp() - logvar - 1).flatten(1).sum(1).mean()
            total = total + config.beta * divergence / columns
        elif config.code_penalty:
            total = total + config.code_penalty * 0.5 * mean.flatten(1).square().sum(1).mean()
        parts = {}
        if numbers:
            parts["numbers"] = torch.stack(numbers).mean().detach()
        if choices:
            parts["categories"] = torch.stack(choices).mean().detach()
        return Losses(total, parts)

    def _blocks_of(self, data: DataSpec) -> list[Block]:
        if self._blocks is None or self._blocks[0] is not data:
            self._blocks = (data, blocks_in(data, "objective tables/rows"))
        return self._blocks[1]


def _errors(x: Tensor, y: Tensor, blocks: list[Block]) -> tuple[list[Tensor], list[Tensor]]:
    """The terms of numbers and those of categories."""
    numbers, choices = [], []
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        of = slice(block.start, block.start + block.width)
        if block.kind == "choice":
            choices.append(-(x[:, of] * y[:, of].clamp(min=_SMALLEST).log()).sum(1).mean())
            continue
        squared = (x[:, of] - y[:, of]).square().squeeze(1)
        if after is not None and after.column == block.column:  # the value may be missing
            present = (x[:, after.start] > 0.5).to(x)
            error = (squared * present).sum() / present.sum().clamp(min=1)
        else:
            error = squared.mean()
        numbers.append(0.5 * torch.log(error + _FLOOR))
    return numbers, choices


def _hide(x: Tensor, blocks: list[Block], share: float, rng: torch.Generator) -> Tensor:
    """x with 0 in place of each column with that probability, for each row by itself."""
    columns = 1 + blocks[-1].column
    kept = per_sample(lambda m: torch.rand(m, columns, generator=rng), len(x), rng).to(x.device) >= share
    of = torch.tensor([block.column for block in blocks for _ in range(block.width)], device=x.device)
    return x * kept[:, of]
