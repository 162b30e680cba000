"""Pretrained autoencoders of diffusers give the codes and images that diffusers gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from zoo import plugins
from zoo.errors import ConfigError
from zoo.networks.compose import compose_parts
from zoo.registry.importing import import_autoencoder
from zoo.testing.conformance.plugin import check_plugin
from zoo.types import PartSpec

diffusers = pytest.importorskip("diffusers", reason="the plugin's library diffusers is not installed")
cases = pytest.importorskip("zoo_diffusers.cases", reason="the plugin zoo-diffusers is not installed")

CLASSES = ("AutoencoderKL", "AutoencoderTiny", "AutoencoderDC", "VQModel")
TRANSFORMER = {"latents_mean": [[[0.1]]] * 64, "latents_std": [[[0.5]]] * 64, "scaling_factor": 1.3}
WEIGHTS = "diffusion_pytorch_model.safetensors"
MEANS = {"latents_mean": [0.1, -0.2, 0.3], "latents_std": [0.5, 1.5, 2.0], "shift_factor": None}


def saved(folder: Path, class_name: str, **settings: Any) -> Any:
    """A model of diffusers with random weights, saved by its own method."""
    torch.manual_seed(0)
    small = cases.SMALL[class_name].settings
    model = getattr(diffusers, class_name)(**{**small, **settings}).eval()
    model.save_pretrained(folder)
    return model


def read(folder: Path, shape: tuple[int, ...] | None = None) -> Any:
    parts = plugins.build("autoencoder", PartSpec("diffusers"), folder, shape)
    return compose_parts(parts, "autoencoder diffusers/diffusers")


def edit(folder: Path, **settings: Any) -> None:
    """Change the folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def scaled(model: Any, raw: torch.Tensor) -> torch.Tensor:
    """What diffusers' pipelines do with the codes that a model encodes."""
    config = model.config
    if config.get("latents_mean") is None:
        return (raw - (config.get("shift_factor") or 0.0)) * config.scaling_factor
    mean, std = (
        torch.tensor(config[key], dtype=raw.dtype).view(1, -1, 1, 1) for key in ("latents_mean", "latents_std")
    )
    return (raw - mean) * config.scaling_factor / std


def unscaled(model: Any, code: torch.Tensor) -> torch.Tensor:
    """What they do before it decodes."""
    config = model.config
    if config.get("latents_mean") is None:
        return code / config.scaling_factor + (config.get("shift_factor") or 0.0)
    mean, std = (
        torch.tensor(config[key], dtype=code.dtype).view(1, -1, 1, 1) for key in ("latents_mean", "latents_std")
    )
    return code * std / config.scaling_factor + mean


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("class_name", "settings"), [*((name, {}) for name in CLASSES), ("AutoencoderKL", MEANS)], ids=[*CLASSES, "means"]
)
@torch.no_grad()
def test_codes_and_images_are_those_of_diffusers(
    class_name: str, settings: dict[str, Any], dtype: torch.dtype, tmp_path: Path
) -> None:
    theirs = saved(tmp_path, class_name, **settings).to(dtype)
    ours = read(tmp_path, (3, 8, 12)).to(dtype)
    x = (2 * torch.rand(3, 3, 8, 12, generator=torch.Generator().manual_seed(1)) - 1).to(dtype)
    posterior, encoded = ours.posterior(x), theirs.encode(x)
    if class_name == "AutoencoderKL":
        raw = encoded.latent_dist.mode()
        variance = scaled(theirs, raw + encoded.latent_dist.std) - scaled(theirs, raw)
        torch.testing.assert_close((posterior.logvar / 2).exp(), variance, rtol=3e-2, atol=1e-2)
    else:
        raw = encoded.latent if class_name == "AutoencoderDC" else encoded.latents
        assert posterior.logvar is None
    assert ours.code_shape == tuple(raw.shape[1:])
    torch.testing.assert_close(posterior.mean, scaled(theirs, raw), rtol=0, atol=1e-5)
    image = theirs.decode(unscaled(theirs, posterior.mean)).sample.clamp(-1, 1)
    torch.testing.assert_close(ours.decoder(posterior.mean), image, rtol=0, atol=1e-5)
    assert 0.05 < float(image.std()) < 1, "the images differ enough to compare them"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("encoder_type", ["dinov2", "mae"])
@torch.no_grad()
def test_codes_and_images_of_a_transformer_are_those_of_diffusers(
    encoder_type: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    """AutoencoderRAE reads images in [0, 1], of one size, and scales its codes itself."""
    pytest.importorskip("transformers", reason="AutoencoderRAE needs the library transformers")
    theirs = saved(tmp_path, "AutoencoderRAE", encoder_type=encoder_type, **TRANSFORMER).to(dtype)
    ours = read(tmp_path).to(dtype)
    assert (ours.data.shape, ours.code_shape) == ((3, 8, 8), (64, 4, 4))
    x = (2 * torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)) - 1).to(dtype)
    code = ours.posterior(x).mean
    torch.testing.assert_close(code, theirs.encode((x + 1) / 2).latent, rtol=0, atol=1e-5)
    image = theirs.decode(code).sample
    torch.testing.assert_close(ours.decoder(code), (2 * image - 1).clamp(-1, 1), rtol=0, atol=1e-5)
    assert float(image.std()) > 0.01, "the images differ enough to compare them"


def test_a_transformer_is_for_images_of_one_size_and_needs_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers", reason="AutoencoderRAE needs the library transformers")
    saved(tmp_path, "AutoencoderRAE")
    with pytest.raises(ConfigError, match="reads images of 8 x 8 px; asked: 16 x 16 px"):
        read(tmp_path, (3, 16, 16))
    edit(tmp_path, patch_size=0)
    with pytest.raises(ConfigError, match="patch_size must be a positive integer"):
        read(tmp_path)
    monkeypatch.setattr("zoo_diffusers.model.is_transformers_available", lambda: False)
    with pytest.raises(ConfigError, match="needs the library transformers"):
        read(tmp_path)


def test_the_kit_passes() -> None:
    assert check_plugin("diffusers").failures == ()


def test_an_import_becomes_a_release_and_loads_again(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "vae", "AutoencoderKL")
    manifest = import_autoencoder(f"diffusers:{tmp_path / 'vae'}", tmp_path / "release", license="MIT")
    assert (manifest.data.shape, manifest.code_shape) == ((3, 16, 16), (3, 8, 8))
    loaded = zoo.load(tmp_path / "release").autoencoder
    assert loaded is not None
    x = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        mode = theirs.encode(x).latent_dist.mode()
    torch.testing.assert_close(loaded.encode(x), scaled(theirs, mode), rtol=0, atol=1e-5)


def test_shards_and_a_single_file_of_another_name_are_read(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "one", "AutoencoderTiny")
    theirs.save_pretrained(tmp_path / "many", max_shard_size="5KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 1
    (tmp_path / "one" / WEIGHTS).rename(tmp_path / "one" / "model.safetensors")
    one, many = read(tmp_path / "one"), read(tmp_path / "many")
    assert all(torch.equal(value, many.state_dict()[name]) for name, value in one.state_dict().items())
    shard = min((tmp_path / "many").glob("*.safetensors"))
    shard.unlink()
    with pytest.raises(ConfigError, match="is not a safetensors file in the folder"):
        read(tmp_path / "many")


def test_attention_under_its_old_names_is_read(tmp_path: Path) -> None:
    """As in stabilityai/sd-vae-ft-mse."""
    saved(tmp_path, "AutoencoderKL")
    new = read(tmp_path).state_dict()
    old_names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = load_file(tmp_path / WEIGHTS)
    for name in list(state):
        for today, old in old_names.items():
            if f".{today}." in name:
                state[name.replace(today, old)] = state.pop(name)
    assert any("proj_attn" in name for name in state)
    save_file(state, tmp_path / WEIGHTS)
    again = read(tmp_path).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in new.items())


def test_the_size_is_the_configs_and_at_most_256(tmp_path: Path) -> None:
    saved(tmp_path, "AutoencoderKL", sample_size=1024)
    reader = PartSpec("diffusers")
    assert plugins.build("autoencoder", reader, tmp_path, None).data.shape == (3, 256, 256)
    edit(tmp_path, sample_size=[17, 40])
    assert plugins.build("autoencoder", reader, tmp_path, None).data.shape == (3, 16, 40)


def test_sides_that_are_no_multiples_are_refused_with_the_nearest(tmp_path: Path) -> None:
    saved(tmp_path, "AutoencoderTiny")
    with pytest.raises(ConfigError, match="multiples of 2 px; asked: 9 x 13 px") as refused:
        read(tmp_path, (3, 9, 13))
    assert refused.value.hint == "The nearest are 8 x 12 or 10 x 14."
    with pytest.raises(ConfigError, match="images of 3 channels; asked: 1"):
        read(tmp_path, (1, 8, 8))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"_class_name": "UNet2DModel"}, "is not an autoencoder of diffusers that is supported"),
        ({"_class_name": None}, "names no class"),
        ({"latent_chanels": 4}, "has no setting 'latent_chanels'"),
        ({"latent_channels": None}, "is null"),
        ({"latent_channels": 5}, "is torch.float32 of shape"),
        ({"out_channels": 1}, "1 and 3 channels"),
        ({"layers_per_block": 2}, "is missing, one of"),
        ({"layers_per_block": 10**4}, "within 0 to"),
        ({"block_out_channels": [10**9, 8]}, "numbers up to"),
        ({"block_out_channels": [4, 8, 8]}, "fails with these settings"),
        ({"down_block_types": ["DownEncoderBlock2D", "os.system"]}, "fails with these settings"),
        ({"norm_num_groups": 3}, "fails with these settings"),
        ({"scaling_factor": 0}, "scaling_factor 0"),
        ({"latents_mean": [0.0, 0.0, 0.0]}, "not both given"),
        ({"quantization_config": {"quant_method": "x"}}, "has no setting 'quantization_config'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_config_is_refused(settings: dict[str, Any], says: str, tmp_path: Path) -> None:
    saved(tmp_path, "AutoencoderKL")
    edit(tmp_path, **settings)
    with pytest.raises(ConfigError, match=says):
        read(tmp_path)


def test_pickles_and_folders_without_weights_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, "AutoencoderKL")
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(ConfigError, match="pickled weights can run code"):
        read(tmp_path)
    (tmp_path / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match="has no diffusion_pytorch_model"):
        read(tmp_path)
