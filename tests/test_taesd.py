"""TAESD's family from its own files: equal to a plain list of its layers, and what it refuses."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from zoo_taesd.cases import SMALL, write
from zoo_taesd.config import ReaderConfig, TaesdConfig
from zoo_taesd.read import read

import zoo
from zoo.cli import zoo as command
from zoo.errors import CompositionError, ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import compose_parts
from zoo.networks.resizing import resized

SHARED = Path(__file__).parent.parent.parent / "shared"
TAEF2, CLOTHING = SHARED / "weights" / "taef2", SHARED / "data" / "clothing144.tar"
beside = pytest.mark.skipif(
    not (TAEF2.is_dir() and CLOTHING.is_file()), reason="TAEF2 and photographs are not beside the project"
)


class Block(nn.Module):
    def __init__(self, width: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(conv(width, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width))
        if pooled:
            wide = 4 * width
            self.pool = nn.Sequential(
                nn.Conv2d(width, wide, 1, bias=False),
                nn.GroupNorm(4, wide),
                nn.ReLU(),
                nn.Conv2d(wide, width, 1, bias=False),
            )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pool(x) if hasattr(self, "pool") else x
        return (self.conv(x) + x).relu()


class Squash(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return 3 * (z / 3).tanh()


def conv(a: int, b: int, **more: object) -> nn.Conv2d:
    return nn.Conv2d(a, b, 3, padding=1, **more)  # type: ignore[arg-type]


def listed(config: TaesdConfig) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers by their numbers in the files, written down one by one."""
    w, p = config.width, config.pooled

    def smaller() -> nn.Conv2d:
        return conv(w, w, stride=2, bias=False)

    def larger() -> list[nn.Module]:
        return [nn.Upsample(scale_factor=2), conv(w, w, bias=False)]

    def three(pooled: bool = False) -> list[nn.Module]:
        return [Block(w, pooled) for _ in range(3)]

    encoder = [conv(3, w), Block(w, False), smaller(), *three(), smaller(), *three(), smaller(), *three(p)]
    decoder = [Squash(), conv(config.channels, w), nn.ReLU(), *three(p), *larger(), *three(), *larger(), *three()]
    return (
        nn.Sequential(*encoder, conv(w, config.channels)),
        nn.Sequential(*decoder, *larger(), Block(w, False), conv(w, 3)),
    )


def composed(folder: Path, shape: tuple[int, int, int] = (3, 16, 24)) -> Autoencoder:
    return compose_parts(read(ReaderConfig(), folder, shape), "taesd/taesd")


VARIANTS = [TaesdConfig(channels, pooled, 8) for channels, pooled in ((4, False), (16, False), (32, True))]


@pytest.mark.parametrize("config", VARIANTS, ids=["taesd", "taef1", "taef2"])
def test_every_variant_computes_what_its_layers_say(config: TaesdConfig, tmp_path: Path) -> None:
    write(tmp_path, config)
    autoencoder = composed(tmp_path)
    encoder, decoder = (layers.float() for layers in listed(config))
    encoder.load_state_dict({k: v.float() for k, v in load_file(tmp_path / "encoder.safetensors").items()})
    decoder.load_state_dict({k: v.float() for k, v in load_file(tmp_path / "decoder.safetensors").items()})
    x, z = torch.rand(2, 3, 16, 24), 5 * torch.randn(2, *autoencoder.code_shape)
    with torch.no_grad():
        torch.testing.assert_close(autoencoder.encode(x), encoder(x), atol=1e-6, rtol=0)
        torch.testing.assert_close(autoencoder.decode(z), decoder(z).clamp(0, 1), atol=1e-6, rtol=0)
        stages = autoencoder.encoder.features(x).stages
        for stage, end in zip(stages, (2, 6, 10, 14), strict=True):
            torch.testing.assert_close(stage, encoder[:end](x), atol=1e-6, rtol=0)
    assert autoencoder.code_shape == (config.channels, 2, 3)
    assert [tuple(stage.shape[2:]) for stage in stages] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_it_takes_images_of_another_size_and_range(tmp_path: Path) -> None:
    write(tmp_path)
    autoencoder = composed(tmp_path)
    tall = resized(autoencoder, 32, 8)
    assert tall.code_shape == (5, 4, 1)
    assert tall.reconstruct(torch.rand(2, 3, 32, 8)).shape == (2, 3, 32, 8)
    weights = autoencoder.state_dict()
    assert tall.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in tall.state_dict().items())
    with pytest.raises(CompositionError, match="multiples of"):
        composed(tmp_path, (3, 20, 24))
    specs = autoencoder.specs
    data = zoo.DataSpec((3, 16, 24))
    other = zoo.autoencoder(specs["encoder"], specs["decoder"], bottleneck="identity", data=data, code_shape=(5, 2, 3))
    other.load_state_dict(autoencoder.state_dict())
    x = torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(other.reconstruct(x * 2 - 1), autoencoder.reconstruct(x) * 2 - 1, atol=1e-5, rtol=1e-4)


def test_files_named_after_the_network_are_read_and_two_networks_refused(tmp_path: Path) -> None:
    write(tmp_path)
    plain = composed(tmp_path)
    for role in ("encoder", "decoder"):
        (tmp_path / f"{role}.safetensors").rename(tmp_path / f"taesd_{role}.safetensors")
    named = composed(tmp_path)
    assert all(torch.equal(value, named.state_dict()[name]) for name, value in plain.state_dict().items())
    (tmp_path / "taesdxl_encoder.safetensors").write_bytes((tmp_path / "taesd_encoder.safetensors").read_bytes())
    with pytest.raises(ConfigError, match=r"the folder has no encoder\.safetensors"):
        composed(tmp_path)


def test_other_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    def broken(match: str) -> None:
        with pytest.raises(ConfigError, match=match) as refused:
            read(ReaderConfig(), tmp_path, (3, 16, 16))
        assert refused.value.hint

    broken("the folder has no encoder.safetensors")
    (tmp_path / "taesd_encoder.pth").write_bytes(b"x")
    broken("pickled weights can run code")
    write(tmp_path)
    path = tmp_path / "decoder.safetensors"
    whole = load_file(path)
    save_file({name: value for name, value in whole.items() if name != "19.bias"}, path)
    broken(r"'19\.bias' is missing")
    save_file(whole | {"20.bias": torch.zeros(3)}, path)
    broken(r"'20\.bias' is too much")
    save_file(whole | {"x\nerror: y": torch.zeros(3)}, path)
    broken(r"'x\\nerror: y' is too much")
    save_file(whole | {"19.bias": torch.full((3,), float("nan"))}, path)
    broken("not finite")
    save_file(whole | {"19.bias": torch.full((3,), 1e300, dtype=torch.float64)}, path)
    broken("not finite in float32")
    save_file(whole | {"19.bias": torch.zeros(3, dtype=torch.int32)}, path)
    broken(r"19\.bias is torch\.int32")
    save_file(whole | {"1.weight": torch.zeros(8, 7, 3, 3)}, path)
    broken("does not fit a code of 5 channels with pooled blocks")
    save_file({"14.bias": torch.zeros(0), "0.bias": torch.zeros(8)}, tmp_path / "encoder.safetensors")
    broken("channels 0 is not a whole number")
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "encoder.safetensors")
    broken("not of TAESD's family")
    path.write_bytes(b"\xff" * 8)
    (tmp_path / "encoder.safetensors").write_bytes(b"\xff" * 8)
    broken("cannot be read")


def test_weights_become_float32_and_keep_their_digits(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "encoder.safetensors"
    third = torch.full((5,), 1 / 3)
    save_file({name: value.float() for name, value in load_file(path).items()} | {"14.bias": third}, path)
    weights = read(ReaderConfig(), tmp_path, (3, 16, 16)).weights
    assert {value.dtype for part in weights.values() for value in part.values()} == {torch.float32}
    assert torch.equal(weights["encoder"]["layers.14.bias"], third)


def test_encoder_and_decoder_of_two_networks_are_refused(tmp_path: Path) -> None:
    for other in (TaesdConfig(4, False, 8), TaesdConfig(3, True, 8)):
        write(tmp_path, other)
        (tmp_path / "decoder.safetensors").rename(tmp_path / "other.safetensors")
        write(tmp_path, SMALL[0])
        (tmp_path / "other.safetensors").rename(tmp_path / "decoder.safetensors")
        with pytest.raises(ConfigError, match=r"decoder.* does not fit a code of 3 channels without pooled") as refused:
            read(ReaderConfig(), tmp_path, (3, 16, 16))
        assert "of one network" in refused.value.hint


def test_a_folder_in_the_layout_of_diffusers_is_sent_to_its_reader(tmp_path: Path) -> None:
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError) as refused:
        read(ReaderConfig(), tmp_path, None)
    assert "component diffusers" in refused.value.hint


def test_it_is_imported_as_a_release_that_verifies(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    write(tmp_path / "files", SMALL[0])
    out = str(tmp_path / "release")
    made = CliRunner().invoke(command, ["import", f"taesd:{tmp_path / 'files'}", "--license", "MIT", "-o", out])
    assert made.exit_code == 0, made.output
    assert "every test vector is reproduced" in CliRunner().invoke(command, ["verify", out]).output
    loaded = zoo.load(out)
    assert {origin.file for origin in loaded.manifest.pretrained} == {"encoder.safetensors", "decoder.safetensors"}


def photographs(side: int, count: int) -> Tensor:
    """The middle squares of held-out photographs of clothing, whose short side has 144 px: (count, 3, side, side)."""
    with tarfile.open(CLOTHING) as archive:
        names = sorted(name for name in archive.getnames() if name.startswith("held-out/") and name.endswith(".jpg"))
        files = [archive.extractfile(name).read() for name in names[:: 720 // count]]  # type: ignore[union-attr]
    return squares([Image.open(io.BytesIO(data)).convert("RGB") for data in files], side)


def squares(pictures: list[Image.Image], side: int) -> Tensor:
    fitted = [np.array(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)) for picture in pictures]
    return torch.from_numpy(np.stack(fitted)).permute(0, 3, 1, 2) / 255


def reconstructed(x: Tensor) -> Tensor:
    return composed(TAEF2, (3, x.shape[2], x.shape[3])).reconstruct(x, 4)


def decibels(x: Tensor) -> Tensor:
    return -10 * (x - reconstructed(x)).square().mean((1, 2, 3)).log10()


@beside
def test_taef2_keeps_photographs() -> None:
    """Measured: error over variance 0.044 on 24 squares of 64 px, 0.043 on all 713, 0.031 to 0.064 on nine in ten
    random sets of 24; 29.6 dB on average, 26.0 to 34.3, on 8 of 144 px, which are not resized."""
    x = photographs(64, 24)
    assert 0.04 < (x - reconstructed(x)).square().mean() / x.var(0, unbiased=False).mean() < 0.048
    assert 29.1 < decibels(photographs(144, 8)).mean() < 30.1


@beside
def test_taef2_keeps_photographs_of_256_px() -> None:
    """Measured: 24.0 dB on a temple with fine patterns, 30.2 dB on a flower, both made smaller from 427 px."""
    datasets = pytest.importorskip("sklearn.datasets", reason="its photographs are measured")
    temple, flower = decibels(squares([Image.fromarray(one) for one in datasets.load_sample_images().images], 256))
    assert 23.5 < temple < 24.5
    assert 29.7 < flower < 30.7


@beside
def test_every_tensor_of_taef2_is_read_and_used() -> None:
    autoencoder = composed(TAEF2, (3, 64, 64))
    x = photographs(64, 1)
    (autoencoder.decoder(autoencoder.encoder(x)) - x).square().mean().backward()
    for role, network in (("encoder", autoencoder.encoder), ("decoder", autoencoder.decoder)):
        used = {name.removeprefix("layers."): value for name, value in network.named_parameters()}
        stored = load_file(TAEF2 / f"{role}.safetensors")
        assert used.keys() == stored.keys()
        for name, value in used.items():
            assert value.dtype == torch.float32
            assert torch.equal(value, stored[name].float())
            assert value.grad is not None, name
            assert value.grad.abs().max() > 0, name
