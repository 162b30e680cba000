"""Checks of priors: codes of the declared size that depend on the given random generator alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from zoo._utils.seeds import SampleStreams, stream
from zoo._utils.tensors import pack, unpack
from zoo.networks import checks
from zoo.networks.noise import noise_of
from zoo.networks.types import Prior
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.conditions import condition_arguments, require_labels
from zoo.testing.conformance.modules import STATE_CHECKS, Check, assert_shape
from zoo.types import DataSpec

__all__ = ["PRIOR_CHECKS", "PriorCase"]


@dataclass(frozen=True)
class PriorCase(ComponentCase):
    """A prior over codes of `code_shape`; a conditional one is asked for the labels of `data`."""

    code_shape: tuple[int, ...] = (6,)
    data: DataSpec | None = None
    kind = "prior"

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The code's size."""
        return (self.code_shape,)

    def attempt(self) -> None:
        """Build it. Raises ConfigError if it refuses this case, or is a conditional one and there are no labels."""
        require_labels(self.build(), self.data, str(self))

    def sample(self, prior: nn.Module, n: int = 16, seed: int | None = 0) -> Tensor:
        """n codes (n, *code_shape) from the random stream `seed`, or without one."""
        rng = None if seed is None else stream(seed, "codes")
        return cast(Prior, prior).sample(n, rng, *condition_arguments(prior, self.data, torch.arange(n)))

    def __str__(self) -> str:
        return f"{super().__str__()}-{'x'.join(map(str, self.code_shape))}"


def codes_have_the_declared_shape(case: PriorCase) -> None:
    """float32, (n, *code_shape) for 1, 2 and 3 codes, with a random generator and without one."""
    prior: Any = case.build()
    condition = None if case.data is None else case.data.condition
    checks.check_prior(prior, case.code_shape, str(case), condition=condition)
    for n in (1, 2, 3):
        for codes in (case.sample(prior, n), case.sample(prior, n, seed=None)):
            assert_shape(codes, (n, *case.code_shape), "codes")
            assert codes.dtype == torch.float32, f"codes are {codes.dtype}"
            assert codes.isfinite().all(), "a code is not finite"


def codes_differ_from_each_other(case: PriorCase) -> None:
    """No two of 64 codes are equal."""
    different = len(case.sample(case.build(), 64).unique(dim=0))
    assert different == 64, f"of 64 codes {different} are different"


def the_stream_decides_the_codes(case: PriorCase) -> None:
    """The same seed gives bitwise equal codes, another seed gives others; the global generator is not used, and the
    prior does not change."""
    prior = case.build()
    before, state = {k: v.clone() for k, v in prior.state_dict().items()}, torch.get_rng_state()
    first = case.sample(prior)
    assert torch.equal(first, case.sample(prior)), "one stream gave two sets of codes"
    assert not torch.equal(first, case.sample(prior, seed=1)), "two streams gave the same codes"
    assert torch.equal(state, torch.get_rng_state()), "the global random generator was used"
    assert all(torch.equal(before[k], v) for k, v in prior.state_dict().items()), "sampling changed the prior"


def each_code_has_a_stream_of_its_own(case: PriorCase) -> None:
    """With a stream for each sample, the first of many codes are those of few (up to rounding): draw each random number
    with `zoo.plugin.per_sample`."""
    prior: Any = case.build(seed=3)
    many, few = (
        prior.sample(n, SampleStreams(0, n, "codes"), *condition_arguments(prior, case.data, torch.arange(n)))
        for n in (16, 3)
    )
    assert torch.allclose(many[:3], few, rtol=1e-4, atol=1e-5), "other codes are drawn if there are more of them"


def state_round_trip_gives_bitwise_equal_codes(case: PriorCase) -> None:
    """After saving as safetensors and strict loading into a meta build, and after copying, the codes are the same."""
    prior = case.build(seed=3)
    loaded = case.build(device="meta")
    loaded.load_state_dict(unpack(pack(prior.state_dict(), {}), str(case)), strict=True, assign=True)
    missing = [name for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()) if tensor.is_meta]
    assert not missing, f"without a value after loading: {missing}"
    codes = case.sample(prior)
    assert torch.equal(codes, case.sample(loaded)), "the codes differ after loading"
    assert torch.equal(codes, case.sample(copy.deepcopy(prior))), "the codes of a copy differ"


def noise_gives_the_codes_of_the_stream(case: PriorCase) -> None:
    """If the prior tells its noise, codes made of it are those that `sample` draws from the same stream."""
    prior: Any = case.build(seed=3)
    conditions = condition_arguments(prior, case.data, torch.arange(16))
    noise = noise_of(prior, 16, stream(0, "codes"), *conditions)
    if noise is None:
        return
    for part in noise:
        assert part.dtype == torch.float32, f"noise is {part.dtype}"
        assert part.dim() == 2, f"noise has the shape {list(part.shape)}, not (n, numbers)"
        assert len(part) == 16, f"noise of 16 codes has {len(part)} rows"
    codes, sampled = prior.from_noise(noise, *conditions), case.sample(prior)
    assert_shape(codes, tuple(sampled.shape), "codes of noise")
    assert torch.allclose(codes, sampled, rtol=1e-4, atol=1e-5), "the noise does not give the codes of its stream"


PRIOR_CHECKS: tuple[Check, ...] = (
    *STATE_CHECKS,
    codes_have_the_declared_shape,
    codes_differ_from_each_other,
    the_stream_decides_the_codes,
    each_code_has_a_stream_of_its_own,
    state_round_trip_gives_bitwise_equal_codes,
    noise_gives_the_codes_of_the_stream,
)
