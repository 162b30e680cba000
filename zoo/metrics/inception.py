"""torch-fidelity's Inception v3 features, for the FID and KID that papers report."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.errors import ConfigError, DataError
from zoo.metrics.configs import InceptionConfig

__all__ = ["Inception"]

_FILE = "weights-inception-2015-12-05-6726825d.pth"
_PAGE = "https://github.com/toshas/torch-fidelity/releases/tag/v0.2.0"


class Inception(nn.Module):
    """A `zoo.metrics.types.FeatureSpace`: images `(N, C, H, W)` in [-1, 1] -> `(N, 2048)`, Inception v3's last pooling.

    A grey channel is repeated. Images are rounded to bytes and resized as in the original TensorFlow graph. Nothing is
    downloaded: the weights are in the config's file, or in torch.hub's cache from an earlier use of torch-fidelity.
    Raises ConfigError if torch-fidelity or its weights are missing.
    """

    dim = 2048

    def __init__(self, config: InceptionConfig) -> None:
        super().__init__()
        try:
            torch_fidelity = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
        except ImportError:
            raise ConfigError(
                "Inception features come from torch-fidelity, which is not installed",
                "pip install 'aegan-zoo[inception]'",
            ) from None
        path = Path(config.weights).expanduser() if config.weights else _default_path()
        if not path.is_file():
            raise ConfigError(f"there are no Inception weights {path}", f"Get {_FILE} from {_PAGE} and put it there.")
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.net: nn.Module = torch_fidelity.FeatureExtractorInceptionV3(
            "inception", ["2048"], feature_extractor_weights_path=str(path)
        )
        self.net.requires_grad_(False).eval()

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """The features of images in [-1, 1]. Raises DataError unless they have one or three channels."""
        if images.dim() != 4 or images.shape[1] not in (1, 3):
            raise DataError(f"Inception reads grey or RGB images (N, C, H, W), got {list(images.shape)}")
        pixels = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)
        (out,) = self.net(pixels)
        return out.float()


def _default_path() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / _FILE
