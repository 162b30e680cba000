"""Points between given codes: on a map with four corners, on a plane of two directions, along a walk."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Blend", "on_map", "on_plane", "on_walk"]

REACH = 3.0
"""How far a plane reaches from its centre, in the length of its directions."""


class Blend(NamedTuple):
    """Codes (N, *code_shape), and the share (N, K) that each of the K given codes has in them."""

    codes: Tensor
    shares: Tensor


def on_map(corners: Tensor, places: Tensor) -> Blend:
    """Codes at `places` (N, 2), x to the right and y down, both 0 to 1, of a map whose corners (4, *code_shape) are top
    left, top right, bottom left and bottom right. Spherical interpolation along x, then along y."""
    x, y = places[:, 0], places[:, 1]
    a, b, c, d = (corner.expand(len(places), *corner.shape) for corner in corners)
    codes = _spherical(_spherical(a, b, x), _spherical(c, d, x), y)
    return Blend(codes, torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], 1))


def on_plane(centre: Tensor, axes: Tensor, places: Tensor) -> Blend:
    """Codes at `places` as in `on_map`: `centre` (1, *code_shape) in the middle, and the two `axes` (2, *code_shape)
    added, each from -3 to 3 times."""
    steps = (2 * places - 1) * REACH
    codes = centre + torch.tensordot(steps, axes, dims=([1], [0]))
    return Blend(codes, torch.ones(len(places), 1))


def on_walk(stops: Tensor, steps: int, *, closed: bool = False) -> Blend:
    """`steps` codes from each of the `stops` (K, *code_shape) to the next, spherically, and at last the last one; a
    `closed` walk returns to the first stop and ends right before it."""
    count = len(stops)
    legs = count if closed else count - 1
    at = torch.arange(legs * steps + (not closed), dtype=torch.float64) / steps
    leg = at.floor().long().clamp(max=legs - 1)
    t = (at - leg).to(stops.dtype)
    first, last = leg, (leg + 1) % count
    shares = torch.zeros(len(at), count)
    shares[torch.arange(len(at)), first] = 1 - t
    shares[torch.arange(len(at)), last] += t
    return Blend(_spherical(stops[first], stops[last], t), shares)


def _spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985) between codes (N, *code_shape), at t (N,); linear between parallel ones.
    Both ends are exact."""
    shape, where = a.shape, t.double()[:, None]
    start, end = a.flatten(1).double(), b.flatten(1).double()
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1).clamp(-1, 1)[:, None]
    angle = torch.arccos(cosine)
    on_circle = (torch.sin((1 - where) * angle) * start + torch.sin(where * angle) * end) / torch.sin(angle)
    path = torch.where(torch.sin(angle).abs() < 1e-4, (1 - where) * start + where * end, on_circle)
    path = torch.where(where == 0, start, torch.where(where == 1, end, path))
    return path.to(a.dtype).view(shape)
