"""What a prior promises: codes of the declared size, drawn from the stream that it is given alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zoo._utils.seeds import stream
from zoo._utils.tensors import pack, unpack
from zoo.networks import checks
from zoo.networks.compose import build_part
from zoo.testing.conformance.cases import ModuleCase
from zoo.testing.conformance.modules import STATE_CHECKS, Check

__all__ = ["PRIOR_CHECKS", "PriorCase"]


@dataclass(frozen=True)
class PriorCase(ModuleCase):
    """A prior over codes of `latent_dim` values."""

    latent_dim: int = 6
    kind = "prior"

    def build(self, seed: int = 0, device: str = "cpu") -> nn.Module:
        """The prior, its weights, if it has any, drawn from `seed`."""
        return build_part("prior", self.spec, "case", self.latent_dim, seed=seed, device=device)

    def drawn(self, prior: nn.Module, n: int = 16, seed: int = 0) -> Tensor:
        """n codes of the stream `seed`, (n, latent_dim)."""
        return prior.sample(n, stream(seed, "codes"))  # type: ignore[operator]

    def __str__(self) -> str:
        return f"{super().__str__()}-{self.latent_dim}"


def codes_have_the_declared_shape(case: PriorCase) -> None:
    """float32, (n, latent_dim) for 1, 2 and 3 codes, with a stream and without one."""
    prior: Any = case.build()
    checks.check_prior(prior, case.latent_dim, str(case))
    for n in (1, 2, 3):
        for codes in (case.drawn(prior, n), prior.sample(n)):
            assert codes.shape == (n, case.latent_dim), f"{n} codes have the shape {tuple(codes.shape)}"
            assert codes.dtype == torch.float32, f"codes are {codes.dtype}"
            assert codes.isfinite().all(), "a code is not finite"


def codes_differ_from_each_other(case: PriorCase) -> None:
    """No two of 64 are the same: a generator that gets one code makes one sample."""
    assert len(case.drawn(case.build(), 64).unique(dim=0)) == 64


def the_stream_decides_the_codes(case: PriorCase) -> None:
    """One seed gives the same bits every time, another seed others; the global generator is not drawn from and the
    prior stays as it was."""
    prior = case.build()
    before, state = {k: v.clone() for k, v in prior.state_dict().items()}, torch.get_rng_state()
    first = case.drawn(prior)
    assert torch.equal(first, case.drawn(prior)), "one stream gave two sets of codes"
    assert not torch.equal(first, case.drawn(prior, seed=1)), "two streams gave the same codes"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was drawn from"
    assert all(torch.equal(before[k], v) for k, v in prior.state_dict().items()), "drawing changed the prior"


def state_round_trip_gives_bitwise_equal_codes(case: PriorCase) -> None:
    """Saved as safetensors and loaded strictly into a meta build, or copied, it draws the same bits."""
    prior = case.build(seed=3)
    twin = case.build(device="meta")
    twin.load_state_dict(unpack(pack(prior.state_dict(), {}), str(case)), strict=True, assign=True)
    left = [name for name, tensor in (*twin.named_parameters(), *twin.named_buffers()) if tensor.is_meta]
    assert not left, f"without a value after loading: {left}"
    codes = case.drawn(prior)
    assert torch.equal(codes, case.drawn(twin)), "it draws other codes after loading"
    assert torch.equal(codes, case.drawn(copy.deepcopy(prior))), "a copy draws other codes"


PRIOR_CHECKS: tuple[Check, ...] = (
    *STATE_CHECKS,
    codes_have_the_declared_shape,
    codes_differ_from_each_other,
    the_stream_decides_the_codes,
    state_round_trip_gives_bitwise_equal_codes,
)
