"""The same autoencoder for images of another size: layers that slide over an image do not depend on it."""

from __future__ import annotations

from dataclasses import replace

from zoo.errors import CompositionError, ZooError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_autoencoder
from zoo.networks.pretrained import origins_of, remember_origins, values_follow

__all__ = ["resized"]


def resized(autoencoder: Autoencoder, height: int, width: int) -> Autoencoder:
    """An autoencoder with codes (c, h, w) for images of `height` x `width` pixels, with the same weights and origin, on
    the same device, in eval mode; `autoencoder` itself if that is its size. Raises CompositionError if its codes have
    no place, if the size is not a multiple of its factor, or if its weights are for images of one size."""
    data, code = autoencoder.data, autoencoder.code_shape
    if len(code) != 3 or not data.is_image:
        raise CompositionError(
            f"an autoencoder with codes of shape {list(code)} cannot take images of another size",
            "Only codes (c, h, w) grow with the image.",
        )
    factors = (data.shape[1] // code[1], data.shape[2] // code[2])
    if height < 1 or width < 1 or height % factors[0] or width % factors[1]:
        raise CompositionError(
            f"{height} x {width} pixels are not whole multiples of the first stage's factor {factors[0]}",
            f"Choose a multiple of {factors[0]}, for example {max(1, height // factors[0]) * factors[0]}.",
        )
    shape = (data.shape[0], height, width)
    if shape == data.shape:
        return autoencoder
    code = (code[0], height // factors[0], width // factors[1])
    device = next(autoencoder.parameters()).device
    try:
        with values_follow():
            model = build_autoencoder(autoencoder.specs, replace(data, shape=shape), code, device=str(device))
        model.load_state_dict(autoencoder.state_dict(), strict=True)
    except (ZooError, RuntimeError) as error:
        raise CompositionError(
            f"this autoencoder does not take images of {height} x {width} pixels: {str(error).splitlines()[0]}",
            f"It is made for {data.shape[1]} x {data.shape[2]}: give that size.",
        ) from None
    model.origin, model.license = autoencoder.origin, autoencoder.license
    remember_origins(model, origins_of(autoencoder))
    return model.eval()
