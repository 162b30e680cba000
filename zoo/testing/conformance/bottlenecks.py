"""Checks of bottlenecks: codes of the declared size, and gradients through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo._utils.seeds import stream
from zoo.networks import checks
from zoo.networks.types import Posterior
from zoo.testing.conformance.cases import ForwardCase
from zoo.testing.conformance.modules import FORWARD_CHECKS, Check, assert_shape, briefly_trained

__all__ = ["BOTTLENECK_CHECKS", "BottleneckCase"]

_FAR = 1e3


@dataclass(frozen=True)
class BottleneckCase(ForwardCase):
    """A bottleneck between an embedding and a code of these sizes."""

    embedding_shape: tuple[int, ...] = (6,)
    code_shape: tuple[int, ...] = (6,)
    kind = "bottleneck"

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The sizes of embedding and code."""
        return (self.embedding_shape, self.code_shape)

    def batch(self, n: int, device: str = "cpu") -> Tensor:
        """n embeddings (n, *embedding_shape)."""
        return torch.randn(n, *self.embedding_shape, generator=stream(n, "case")).to(device)

    def outputs(self, net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """The mean and, if there is one, the log-variance."""
        mean, logvar = net(x)
        return (mean,) if logvar is None else (mean, logvar)

    def __str__(self) -> str:
        return f"{super().__str__()}-{'x'.join(map(str, self.embedding_shape))}-{'x'.join(map(str, self.code_shape))}"


def codes_have_the_declared_shape(case: BottleneckCase) -> None:
    """Mean and log-variance are (N, *code_shape) for batches of 1, 2 and 3."""
    for device in ("cpu", "meta"):
        net: Any = case.build(device=device).eval()
        checks.check_bottleneck(net, case.embedding_shape, case.code_shape, str(case))
        assert net.code_shape == case.code_shape, f"code_shape is {net.code_shape}, it was built for {case.code_shape}"
        for n in (1, 2, 3):
            posterior = net(case.batch(n, device))
            assert isinstance(posterior, Posterior), f"it returns a {type(posterior).__name__}, not a Posterior"
            for name, tensor in posterior._asdict().items():
                if tensor is not None:
                    assert_shape(tensor, (n, *case.code_shape), f"{name}s")


def gradients_reach_the_embedding(case: BottleneckCase) -> None:
    """Every code's gradient reaches its embedding, so that the encoder is trained."""
    net, x = briefly_trained(case), case.batch(4).requires_grad_()
    case.outputs(net, x)[0].square().sum().backward()
    assert x.grad is not None, "the code does not depend on the embedding"
    assert x.grad.isfinite().all(), "the embedding gets a gradient that is not finite"
    assert x.grad.any(1).all(), "a row of the embedding gets no gradient"


def far_embeddings_give_finite_codes(case: BottleneckCase) -> None:
    """An untrained encoder may give large embeddings, or zeros: neither the mean nor the variance overflows."""
    net: Any = case.build().eval()
    embedding = case.batch(32) * _FAR
    mean, logvar = net(torch.cat([embedding, torch.zeros_like(embedding)]))
    assert mean.isfinite().all(), "a mean is not finite"
    assert logvar is None or logvar.exp().isfinite().all(), f"the variance of an embedding scaled by {_FAR:g} overflows"


BOTTLENECK_CHECKS: tuple[Check, ...] = (
    *FORWARD_CHECKS,
    codes_have_the_declared_shape,
    gradients_reach_the_embedding,
    far_embeddings_give_finite_codes,
)
