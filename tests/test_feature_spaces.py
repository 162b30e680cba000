"""Feature spaces other than the shipped judge: any timm backbone, Inception; by the hash of their weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo import plugins
from zoo.data.open import open_images
from zoo.errors import ConfigError
from zoo.metrics.evaluate import Reference
from zoo.metrics.inception import Inception
from zoo.metrics.types import FeatureSpace
from zoo.types import PartSpec


def test_any_timm_backbone_judges_by_the_file_of_its_weights(tmp_path: Path) -> None:
    backbone = pytest.importorskip("zoo_timm.backbone")
    donor = backbone.build("test_resnet", 3, (32, 32), None)
    save_file({name: tensor.contiguous() for name, tensor in donor.state_dict().items()}, tmp_path / "net.safetensors")
    config = {"weights": str(tmp_path / "net.safetensors"), "side": 32}
    space: FeatureSpace = plugins.build("metric", PartSpec("timm/test_resnet", config))
    plugins.require(plugins.find_component("metric", "timm/test_resnet"), space, FeatureSpace)
    assert space.sha256 == hashlib.sha256((tmp_path / "net.safetensors").read_bytes()).hexdigest()
    real = open_images("mnist5k", limit=60)
    judge = Reference(real, space, "timm/test_resnet")
    kid, *_ = judge.measure(real.batch(real.train[:20]))
    assert kid.extractor == f"timm/test_resnet@{space.sha256[:12]}"
    grey = torch.rand(3, 1, 20, 24) * 2 - 1
    with torch.no_grad():
        expected = donor.eval()(_prepared(grey))[-1].mean((2, 3))
    assert torch.allclose(space.features(grey), expected, atol=1e-5)


def _prepared(images: torch.Tensor) -> torch.Tensor:
    """Resized as timm's transforms would, and brought to the mean and deviation of this backbone's."""
    unit = ((images + 1) / 2).expand(-1, 3, -1, -1)
    sized = torch.nn.functional.interpolate(unit, (32, 32), mode="bilinear", align_corners=False, antialias=True)
    return (sized - 0.5) / 0.5


def test_untrained_backbones_do_not_judge() -> None:
    pytest.importorskip("zoo_timm")
    with pytest.raises(ConfigError, match="no pretrained weights"):
        plugins.build("metric", PartSpec("timm/botnet50ts_256"))


def test_inception_says_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    with pytest.raises(ConfigError, match="no Inception weights"):
        plugins.build("metric", PartSpec("core/inception", {"weights": str(tmp_path / "none.pth")}))


@pytest.mark.long
def test_inception_is_torch_fidelitys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: pytest.fail("a download"))
    monkeypatch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    torch.manual_seed(0)
    torch.save({}, tmp_path / "weights.pth")
    space = plugins.build("metric", PartSpec("core/inception", {"weights": str(tmp_path / "weights.pth")}))
    assert isinstance(space, Inception)
    images = torch.rand(2, 1, 32, 32) * 2 - 1
    pixels = ((images + 1) * 127.5).round().to(torch.uint8).expand(-1, 3, -1, -1)
    assert torch.equal(space.features(images), space.net(pixels)[0])
    assert space.features(images).shape == (2, 2048)
