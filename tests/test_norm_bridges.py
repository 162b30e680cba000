"""An encoder into a discriminator of other norms: spectral norm keeps its gain, batch norm is folded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import states_equal
from torch import Tensor, nn

import zoo
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.spectral import keep_gains
from zoo.networks.types import Features
from zoo.transfers.apply import TransferResult, explain
from zoo.transfers.weight_mapping import map_weights
from zoo.types import DataSpec, PartSpec

SHAPE = (1, 16, 16)


def part(arch: str, norm: str, wide: bool = False) -> PartSpec:
    if arch == "mlp":
        return PartSpec("mlp", {"widths": [48, 32] if wide else [24, 16], "norm": norm})
    return PartSpec("dcgan", {"width": 8 if wide else 4, "norm": norm})


def source_of(arch: str, norm: str, device: str = "cpu") -> Autoencoder:
    decoder = part(arch, "none")
    source = zoo.autoencoder(part(arch, norm), decoder, shape=SHAPE, code_shape=6, seed=3, device=device)
    if device == "cpu":
        rng = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for weight in source.encoder.parameters():  # norms with an affine that is not the identity
                weight += 0.1 * torch.randn(weight.shape, generator=rng)
            for _ in range(3):
                source.encoder.train()(samples(rng))
            for name, variance in source.encoder.named_buffers():
                if name.endswith("running_var"):
                    variance[0] = 1e-4  # where the norm's own 1e-5 counts
    return source.eval()


def samples(rng: torch.Generator | None = None) -> Tensor:
    return torch.rand(8, *SHAPE, generator=rng or torch.Generator().manual_seed(1)) * 2 - 1


def move(
    source: Autoencoder, arch: str, norm: str, wide: bool = False, strategy: str = "encoder-init"
) -> TransferResult:
    gan = zoo.gan(source.specs["decoder"], part(arch, norm, wide), data=source.data, code_shape=6, seed=1)
    return zoo.transfer(source, gan, strategy)


both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@both
@pytest.mark.parametrize(
    "norms", [("none", "spectral"), ("batch", "spectral"), ("batch", "none"), ("spectral", "none")]
)
@pytest.mark.parametrize("training", [False, True])
def test_the_stages_are_the_encoders_whatever_the_norms(arch: str, norms: tuple[str, str], training: bool) -> None:
    """h(x) = Enc(x) to 1e-5 at step 0, in eval mode and, as no batch is normalised, in train mode."""
    source = source_of(arch, norms[0])
    trunk = move(source, arch, norms[1]).gan.discriminator.encoder.train(training)
    for ours, theirs in zip(trunk.features(samples()).stages, source.encoder.features(samples()).stages, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@both
def test_each_folded_tensor_and_each_gain_is_reported_with_its_bridge(arch: str) -> None:
    """Nothing of the trunk is fresh, and what was folded says so."""
    report = move(source_of(arch, "batch"), arch, "spectral").report
    rows = {row.tensor: row for row in report.rows if row.net == "discriminator"}
    assert {row.origin for name, row in rows.items() if name.startswith("encoder.")} <= {"copied", "adapted"}
    originals = [row for name, row in rows.items() if name.endswith("weight.original")]
    gains = [row for name, row in rows.items() if name.endswith("gain")]
    assert len(gains) == len(originals) > 0
    assert any(row.how.startswith("batch norm folded: encoder.") for row in originals)
    assert all("spectral norm, gain kept" in row.how and row.state == "buffer" for row in gains)


def test_a_spectral_encoder_into_its_like_is_copied_bit_for_bit() -> None:
    """The same norms on both sides need no gain."""
    source = source_of("dcgan", "spectral")
    transferred = move(source, "dcgan", "spectral")
    assert states_equal(transferred.gan.discriminator.encoder, source.encoder)
    assert transferred.gan.specs["discriminator"].component == "dcgan/dcgan"


def test_a_wider_spectral_discriminator_computes_the_same() -> None:
    """Net2Wider and the gain together."""
    source = source_of("dcgan", "none")
    trunk = move(source, "dcgan", "spectral", wide=True).gan.discriminator.encoder
    narrow, wide = source.encoder.features(samples()).stages[-1], trunk.eval().features(samples()).stages[-1]
    index = [j * narrow.shape[1] // wide.shape[1] for j in range(wide.shape[1])]
    torch.testing.assert_close(wide, narrow[:, index], rtol=1e-4, atol=1e-5)


def test_the_plan_is_the_same_on_the_meta_device() -> None:
    source, meta = source_of("dcgan", "batch"), source_of("dcgan", "batch", "meta")
    gan = zoo.gan(meta.specs["decoder"], part("dcgan", "spectral"), data=meta.data, code_shape=6, device="meta")
    assert explain(meta, gan, "encoder-init").rows == move(source, "dcgan", "spectral").report.rows


def test_planning_leaves_the_gan_that_was_given_as_it_was() -> None:
    """`auto` tries strategies on the user's own GAN."""
    source = source_of("dcgan", "none")
    gan = zoo.gan(source.specs["decoder"], part("dcgan", "spectral"), data=source.data, code_shape=6, seed=1)
    names = set(gan.discriminator.state_dict())
    explain(source, gan)
    assert set(gan.discriminator.state_dict()) == names


def test_gains_stay_fixed_and_survive_training_resuming_and_releasing(images_file: Path, tmp_path: Path) -> None:
    """They are buffers: no optimiser moves them; the release rebuilds the discriminator from its manifest."""
    images = open_images(str(images_file), shape=SHAPE)
    transferred = move(source_of("dcgan", "none"), "dcgan", "spectral")
    gains = {
        name: value.clone() for name, value in transferred.gan.discriminator.state_dict().items() if "gain" in name
    }
    settings = {"batch": 8, "checkpoint_every": 99, "sample_every": 99}
    run = zoo.train(transferred, images, out=tmp_path / "run", images=24, training=settings)
    trained = run.gan.discriminator.state_dict()
    assert gains
    assert all(torch.equal(trained[name], value) for name, value in gains.items())
    run.release(tmp_path / "release", license="CC0-1.0", name="tiny.test")
    pair = zoo.load(tmp_path / "release")
    x = images.batch(images.held_out[:4])
    assert torch.equal(pair.gan.score(x), run.gan.score(x))


def test_a_norm_that_cannot_be_folded_is_listed_as_dropped() -> None:
    """A group norm depends on each image: no convolution computes it, and the report says that a layer is missing."""
    report = move(source_of("dcgan", "group"), "dcgan", "none").report
    rows = [row for row in report.rows if row.tensor.startswith("encoder.")]
    assert all(row.how.startswith("drop-layers") for row in rows)


def test_a_teacher_does_not_rescale_in_silence() -> None:
    """Without a gain a plain encoder does not go into a spectrally normalised one."""
    ours, theirs = source_of("mlp", "none").encoder, source_of("mlp", "spectral").encoder
    with pytest.raises(TransferError, match="spectral norm"):
        map_weights(ours, "encoder", theirs, "discriminator")


def test_gains_of_the_source_are_folded_too() -> None:
    """Gain W / sigma(W) into a plain discriminator."""
    source = source_of("dcgan", "spectral")
    keep_gains(source.encoder)
    with torch.no_grad():
        for name, gain in source.encoder.named_buffers():
            if name.endswith("gain"):
                gain.fill_(1.7)
    trunk = move(source, "dcgan", "none").gan.discriminator.encoder
    for ours, theirs in zip(trunk.features(samples()).stages, source.encoder.features(samples()).stages, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


class Normed(nn.Module):
    """An encoder whose layers keep their bias below a batch norm, unlike the bundled ones."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        self.data = DataSpec((4,))
        self.layers = nn.ModuleList([nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False) if norm else nn.Identity()])

    def features(self, x: Tensor) -> Features:
        for layer in self.layers:
            x = layer(x)
        return Features(x, (x,))


def test_a_bias_below_a_batch_norm_is_folded_with_it() -> None:
    """(b - m) / s beside W / s, for a norm without an affine."""
    source, target = Normed(True), Normed(False)
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)) + 2
    for _ in range(20):
        source.train().features(x)
    values: Any = SimpleNamespace(source=SimpleNamespace(parts={"encoder": source.eval()}))
    with torch.no_grad():
        for edit in map_weights(source, "encoder", target, "discriminator"):
            target.state_dict()[edit.tensor].copy_(edit.value(values))
            assert edit.how.startswith("batch norm folded: ")
    torch.testing.assert_close(target.features(x).embedding, source.features(x).embedding, rtol=1e-5, atol=1e-5)


def test_a_net_of_which_less_than_half_would_be_filled_is_refused() -> None:
    """Two of six tensors fit: that is no transfer of this net."""
    source = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    target = nn.Sequential(nn.Linear(3, 4), nn.Linear(7, 5), nn.Linear(9, 5))
    with pytest.raises(TransferError, match="do not fit"):
        map_weights(source, "encoder", target, "discriminator")
    half = nn.Sequential(nn.Linear(3, 4), nn.Linear(7, 5))
    assert {edit.tensor for edit in map_weights(source, "encoder", half, "discriminator")} == {"0.weight", "0.bias"}
