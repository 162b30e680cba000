"""timm's feature extractors, changed so that they are twice differentiable and can be copied, saved and built on the
meta device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models import get_pretrained_cfg
from torch import Tensor, nn

from zoo.plugin import ConfigError, evaluating

__all__ = ["HardSigmoid", "build", "channels_last", "statistics"]


def build(
    name: str, channels: int, size: tuple[int, int], stages: tuple[int, ...] | None, weights: Path | None = None
) -> nn.Module:
    """timm's `features_only` model for images (N, channels, *size), with fresh weights or those of a file.

    Raises whatever timm raises for a size or a stage that the model cannot have.
    """
    options: dict[str, Any] = {"features_only": True, "in_chans": channels}
    if _fixed_size(name):
        options["img_size"] = size
    if stages is not None:
        options["out_indices"] = stages
    if weights is not None:
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights), "hf_hub_id": None}}
    net = _create(name, options)
    _require_whole_patches(net, size)
    _make_twice_differentiable(net)
    if stages is not None:
        _drop_unused(net, torch.zeros(1, channels, *size))
    return net


def statistics(name: str, channels: int) -> tuple[list[float], list[float]]:
    """The mean and the standard deviation, per channel and for values in [0, 1], that the backbone was trained with.

    For one channel they are averaged; for other numbers than three they are repeated, as timm repeats the weights of
    its first convolution.
    """
    config = get_pretrained_cfg(name)
    mean, std = (tuple(config.mean), tuple(config.std)) if config is not None else ((0.5,) * 3, (0.5,) * 3)
    if channels == 1:
        return [sum(mean) / len(mean)], [sum(std) / len(std)]
    return [mean[i % len(mean)] for i in range(channels)], [std[i % len(std)] for i in range(channels)]


def channels_last(net: nn.Module) -> bool:
    """Whether the stages are (N, H, W, C)."""
    return str(getattr(net, "output_fmt", "NCHW")).endswith("NHWC")


class HardSigmoid(nn.Module):
    """clamp(x + 3, 0, 6) / 6, twice differentiable."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return F.relu6(x + 3.0) / 6.0


def _fixed_size(name: str) -> bool:
    config = get_pretrained_cfg(name)
    return bool(config is not None and config.fixed_input_size)


def _create(name: str, options: dict[str, Any]) -> nn.Module:
    if torch.get_default_device().type != "meta":
        return _create_here(name, options)
    try:
        return _create_here(name, options)
    except (RuntimeError, NotImplementedError):  # some models read tensor values while they are built
        with torch.device("cpu"):
            return _create_here(name, options).to("meta")


def _create_here(name: str, options: dict[str, Any]) -> nn.Module:
    try:
        net: nn.Module = timm.create_model(name, **options)
    except (AttributeError, TypeError) as error:
        if "features_only" in str(error) or "feature" in str(error):
            raise ConfigError(f"timm's {name} has no feature extractor: {error}", "Choose another backbone.") from error
        raise
    return net


def _require_whole_patches(net: nn.Module, size: tuple[int, int]) -> None:
    """Raises ValueError if a patch embedding would silently ignore the pixels behind the last whole patch."""
    for module in net.modules():
        conv = getattr(module, "proj", None)
        if hasattr(module, "patch_size") and isinstance(conv, nn.Conv2d):
            patches = conv.kernel_size == conv.stride  # else they overlap and are padded
            if patches and any(side % p for side, p in zip(size, conv.stride, strict=True)):
                raise ValueError(f"its patches of {conv.stride[0]} x {conv.stride[1]} px do not cover them")
            return


def _make_twice_differentiable(net: nn.Module) -> None:
    for module in list(net.modules()):
        # a stage or a hook may still use the input
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
        # fused attention kernels have no second derivative, which R1 needs
        if getattr(module, "fused_attn", False) is True:
            module.fused_attn = False  # type: ignore[assignment]
        # nor has PyTorch's hard sigmoid
        for key, child in module.named_children():
            if type(child).__name__.lower() == "hardsigmoid":
                setattr(module, key, HardSigmoid())
        # a buffer that is not in the state dict would have no value after a build on the meta device
        module._non_persistent_buffers_set.clear()


def _drop_unused(net: nn.Module, x: Tensor) -> None:
    """Remove the blocks behind the last stage: some models keep and run them, and they would get no gradient."""
    with evaluating(net), torch.enable_grad():
        total = torch.stack([stage.sum() for stage in net(x)]).sum()
        names, weights = zip(*net.named_parameters(), strict=True)
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
    unused = {name for name, gradient in zip(names, gradients, strict=True) if gradient is None}
    for name, module in list(net.named_modules()):
        inside = {f"{name}.{key}" for key, _ in module.named_parameters()}
        if inside and inside <= unused:
            net.set_submodule(name, nn.Identity())
            unused -= inside
