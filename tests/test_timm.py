"""timm's backbones as encoders: one of each kind keeps the contract; weights are fetched once, on request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import zoo
from zoo import plugins
from zoo.errors import CompositionError, ConfigError, PluginError, UnknownName
from zoo.networks.compose import autoencoder, gan
from zoo.registry.load import load
from zoo.testing import DiscriminatorCase, DiscriminatorContract, EncoderCase, EncoderContract
from zoo.types import DataSpec, PartSpec


def case(name: str, size: int = 32, channels: int = 3, *, long: bool = False, **config: Any) -> Any:
    case = EncoderCase(f"timm/{name}", config, DataSpec((channels, size, size)))
    return pytest.param(case, marks=pytest.mark.long) if long else case


class TestBackbones(EncoderContract):
    """One of each kind; sizes at which attention has more than one token (over one, its biases get no gradient)."""

    cases = (
        case("resnet10t", channels=1),
        case("efficientnet_lite0", stages=[1, 2, 3], grid=1),
        case("mobilenetv3_small_050", channels=5),
        case("vit_tiny_patch16_224"),
        case("mambaout_femto"),
        case("convnext_atto", long=True),
        case("mobilevit_xxs", long=True),
        case("regnetx_002", long=True),
        case("edgenext_xx_small", long=True),
        case("ghostnet_050", long=True),
        case("efficientvit_b0", long=True),
        case("fastvit_t8", long=True),
        case("densenet121", long=True),
        case("hrnet_w18_small", long=True),
        case("xcit_nano_12_p16_224", long=True),
        case("eva02_tiny_patch14_224", resize=56, long=True),
        case("tiny_vit_5m_224", 64, long=True),
        case("pvt_v2_b0", 64, long=True),
        case("maxvit_rmlp_pico_rw_256", 64, long=True),
        case("swin_tiny_patch4_window7_224", 64, long=True),
        case("swinv2_tiny_window8_256", 64, long=True),
        case("gcvit_xxtiny", 64, long=True),
        case("levit_128s", 128, long=True),
        case("mixer_s32_224", 64, long=True),
    )


class TestTrunks(DiscriminatorContract):
    """A backbone under the head that makes it a discriminator."""

    cases = (DiscriminatorCase("timm/resnet10t", {}, DataSpec((1, 32, 32), low=0.0, high=1.0)),)


def encoder(name: str, data: DataSpec, **config: Any) -> Any:
    return plugins.build("encoder", PartSpec(f"timm/{name}", config), data)


def test_the_family_lists_what_timm_lists_without_importing_it() -> None:
    import timm
    from zoo_timm.names import names

    assert set(timm.list_models()) <= set(names())
    code = (
        "import sys; from zoo.cli import main\n"
        "try: main(['components', 'encoder', 'timm/resnet1*'])\n"
        "except SystemExit as done: assert done.code == 0\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "resnet18" in done.stdout


def test_a_family_is_one_line_until_a_pattern_asks_for_its_members() -> None:
    assert [o.id for o in plugins.components("encoder", "timm/*")] == ["timm/*"]
    assert "timm/vit_tiny_patch16_224" in [o.id for o in plugins.components("encoder", "vit_tiny*")]


def test_a_misspelt_backbone_is_refused_with_near_matches() -> None:
    with pytest.raises(UnknownName, match="there is no encoder 'timm/resnet1O'") as caught:
        plugins.find_component("encoder", "timm/resnet1O")
    assert "resnet18" in caught.value.hint
    for name in ("*", "timm/*", "timm/"):
        with pytest.raises(UnknownName):
            plugins.find_component("encoder", name)


def test_a_short_name_finds_the_member_and_its_full_id_is_stored() -> None:
    assert plugins.normalise("encoder", PartSpec("resnet18")).component == "timm/resnet18"
    with pytest.raises(ConfigError, match="cannot have the name"):
        plugins.configure("encoder", PartSpec("timm/resnet18", {"name": "vgg11"}))


def test_an_image_size_that_a_backbone_cannot_read_is_refused_when_composing() -> None:
    for name, size in (("vgg11", 8), ("vit_tiny_patch16_224", 8), ("vit_tiny_patch16_224", 40)):
        with pytest.raises(CompositionError, match=f"timm/{name} cannot read {size} x {size} px") as caught:
            encoder(name, DataSpec((3, size, size)))
        assert "resize" in caught.value.hint
    with pytest.raises(CompositionError, match="vectors of 7 values"):
        encoder("resnet10t", DataSpec((7,)))
    assert encoder("vit_tiny_patch16_224", DataSpec((3, 8, 8)), resize=32, grid=1).embedding_shape == (192,)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_value_range_gives_the_backbone_the_values_it_was_made_for(channels: int) -> None:
    """An image in [0, 1] or stretched to another range is one and the same to the backbone."""
    unit = DataSpec((channels, 32, 32), low=0.0, high=1.0)
    wide = DataSpec((channels, 32, 32), low=-3.0, high=5.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        one, other = encoder("resnet10t", unit).eval(), encoder("resnet10t", wide).eval()
    other.backbone.load_state_dict(one.backbone.state_dict())
    x = torch.rand(2, channels, 32, 32)
    torch.testing.assert_close(one(x), other(x * 8 - 3), rtol=1e-4, atol=1e-4)
    if channels == 3:
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        expected = one.backbone((x - mean.view(-1, 1, 1)) / std.view(-1, 1, 1))[-1].flatten(1)
        torch.testing.assert_close(one(x), expected, rtol=1e-4, atol=1e-4)


def test_stages_of_a_channels_last_backbone_come_channels_first() -> None:
    net = encoder("swin_tiny_patch4_window7_224", DataSpec((3, 32, 32)), stages=[0, 1])
    stages = net.features(torch.rand(1, 3, 32, 32)).stages
    assert [tuple(stage.shape) for stage in stages] == [(1, 96, 8, 8), (1, 192, 4, 4)]


# ---------------------------------------------------------------- pretrained weights


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The Hub's place taken by one file: a whole resnet10t, head and all. The list fills with what was asked for."""
    import timm
    import zoo_timm.weights as weights

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = timm.create_model("resnet10t")
    file = tmp_path / "snapshots" / ("c" * 40) / "model.safetensors"
    file.parent.mkdir(parents=True)
    safetensors.torch.save_file(model.state_dict(), file)
    asked: list[str] = []

    def download(repo: str, name: str) -> str:
        asked.append(f"{repo}/{name}")
        return str(file)

    monkeypatch.setattr(weights, "hf_hub_download", download)
    return asked


PRETRAINED = PartSpec("timm/resnet10t", {"pretrained": "c3_in1k"})
TINY = PartSpec("dcgan", {"width": 2})


def test_pretrained_weights_are_fetched_when_a_model_is_composed_and_the_tag_is_kept(hub: list[str]) -> None:
    model = autoencoder(PRETRAINED, TINY, shape=(3, 32, 32), code_shape=4)
    assert hub == ["timm/resnet10t.c3_in1k/model.safetensors"]
    assert model.specs["encoder"].config["pretrained"] == "c3_in1k"
    import timm

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        donor = timm.create_model("resnet10t").state_dict()
    ours = model.encoder.backbone.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(value, donor[key]) for key, value in ours.items())


def test_a_gan_like_a_pretrained_autoencoder_starts_fresh_and_fetches_nothing(hub: list[str]) -> None:
    source = autoencoder(PRETRAINED, TINY, shape=(3, 32, 32), code_shape=4)
    composed = gan(like=source)
    assert len(hub) == 1
    assert composed.specs["discriminator"].config["pretrained"] == ""
    transferred = zoo.transfer(source, composed, "encoder-init")
    assert all(
        torch.equal(a, b)
        for a, b in zip(source.encoder.parameters(), transferred.gan.discriminator.encoder.parameters(), strict=True)  # type: ignore[union-attr]
    )


def test_a_release_of_pretrained_weights_loads_and_trains_on_without_fetching(hub: list[str], tmp_path: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", images=rng.integers(0, 255, (24, 32, 32, 3), dtype=np.uint8))
    model = autoencoder(PRETRAINED, TINY, shape=(3, 32, 32), code_shape=4)
    training = {"images": 16, "batch": 8}
    run = zoo.train(model, str(tmp_path / "noise.npz"), out=tmp_path / "run", training=training)
    run.release(tmp_path / "release", license="CC0-1.0")
    assert len(hub) == 1
    pair = load(tmp_path / "release")
    zoo.resume(tmp_path / "run")
    assert len(hub) == 1
    assert pair.manifest.parts["encoder"].config["pretrained"] == "c3_in1k"
    (origin,) = pair.manifest.pretrained
    assert (origin.repository, origin.commit) == ("timm/resnet10t.c3_in1k", "c" * 40)
    card = (tmp_path / "release" / "README.md").read_text("utf-8")
    assert "timm/resnet10t.c3_in1k" in card.partition("---\n\n")[0]  # base_model
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(pair.autoencoder.encode(x), run.autoencoder.encode(x))  # type: ignore[union-attr]


def test_an_unknown_tag_and_an_unreachable_hub_give_different_errors() -> None:
    with pytest.raises(ConfigError, match="no weights 'c3_in2k'") as caught:
        autoencoder(PartSpec("timm/resnet10t", {"pretrained": "c3_in2k"}), TINY, shape=(3, 32, 32))
    assert "c3_in1k" in caught.value.hint
    with pytest.raises(PluginError, match=r"resnet10t.c3_in1k cannot be fetched"):
        autoencoder(PRETRAINED, TINY, shape=(3, 32, 32))


# ---------------------------------------------------------------- in training


def test_a_vit_is_a_discriminator_under_r1(images_file: Path, tmp_path: Path) -> None:
    """Attention is differentiated twice in a whole training step."""
    from zoo.data.open import open_images
    from zoo.training.gan import GANTrainer
    from zoo.training.recipe import AdversarialTraining
    from zoo.transfers.plan import TransferPlan

    discriminator = PartSpec("timm/vit_tiny_patch16_224", {"resize": 32, "stages": [0, 1]})
    composed = gan(PartSpec("dcgan", {"width": 2}), discriminator, shape=(1, 8, 8), code_shape=4)
    images = open_images(str(images_file), like=composed.data)
    trainer = GANTrainer(TransferPlan(composed), images, AdversarialTraining(batch=4), seed=0)
    scalars = trainer.step(images.train[:4], 0)
    assert float(scalars["penalty"]) > 0
    assert all(torch.isfinite(value) for value in scalars.values())


def test_a_backbones_autoencoder_teaches_a_gan_of_another_architecture(images_file: Path) -> None:
    """auto distils what cannot be copied, both sides are trained, and no adapter is released."""
    from zoo.data.open import open_images
    from zoo.training.gan import GANTrainer
    from zoo.training.recipe import AdversarialTraining
    from zoo.transfers.apply import explain

    source = zoo.autoencoder("timm/resnet10t", PartSpec("mlp", {"widths": [8]}), shape=(1, 32, 32), code_shape=4)
    net = PartSpec("dcgan", {"width": 2})
    images = open_images(str(images_file), shape=(1, 32, 32))
    target = zoo.gan(net, net, like=source)
    advised = explain(source, target)
    assert advised.strategy == "transfer/feature-distill"
    assert any("no encoder-init" in note for note in advised.notes)
    transferred = zoo.transfer(source, target, "feature-distill", data=images)
    trainer = GANTrainer(transferred.plan, images, AdversarialTraining(batch=4), 0)
    scalars = trainer.step(images.train[:4], 0)
    assert all(torch.isfinite(value) for value in scalars.values())
    assert {"d_loss", "g_loss"} <= set(scalars)
    assert not any("adapter" in name for part in transferred.gan.parts.values() for name in part.state_dict())
