"""`zoo export`: graphs that give what the release gives, and are refused if they do not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import released
from torch import nn
from zoo_export import export as exporting
from zoo_export.export import export
from zoo_export.formats import FORMATS
from zoo_export.graphs import Graph
from zoo_export.precision import lowered
from zoo_export.replay import LIMITS

import zoo
from zoo.cli import zoo as command
from zoo.data.open import open_images
from zoo.errors import ConfigError, IntegrityError, PluginError, UnknownName
from zoo.networks.priors import MixturePrior
from zoo.networks.types import Noise
from zoo.training.api import train
from zoo.types import PartSpec

ROLES = ["encoder", "decoder", "prior", "generator", "discriminator", "sampler"]


def session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def ran(path: Path, *inputs: Any) -> Any:
    graph = session(path)
    return graph.run(
        None, {value.name: np.asarray(given) for value, given in zip(graph.get_inputs(), inputs, strict=True)}
    )[0]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release") / "release")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled digits as ONNX."""
    out = tmp_path_factory.mktemp("export") / "digits"
    export("dcgan.mnist5k", out)
    return out


def test_a_bundled_pair_becomes_graphs_that_give_its_codes_and_pixels(digits: Path) -> None:
    manifest = json.loads((digits / "export.json").read_text("utf-8"))
    assert sorted(path.name for path in digits.iterdir()) == sorted(
        [*(f"{role}.onnx" for role in ROLES), "export.json"]
    )
    assert (manifest["format"], manifest["written_with"]["opset"], manifest["precision"]) == (1, 18, "fp32")
    limits = {
        "encoder": 1e-5,
        "prior": 1e-5,
        "decoder": 1e-4,
        "generator": 1e-4,
        "sampler": 1e-4,
        "discriminator": 1e-4,
    }
    for role, entry in manifest["graphs"].items():
        data = (digits / entry["file"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (entry["sha256"], entry["size"])
        assert entry["loss"]["largest"] <= limits[role], role
    loaded = zoo.load("dcgan.mnist5k")
    assert manifest["release"]["manifest"] == loaded.gan.origin.manifest
    assert manifest["release"]["license"] == "CC-BY-SA-3.0"
    codes = loaded.gan.draw(100, seed=3)
    assert np.abs(ran(digits / "generator.onnx", codes) - loaded.gan.generate(codes).numpy()).max() < 1e-4
    images = loaded.gan.generate(codes)
    assert np.abs(ran(digits / "encoder.onnx", images) - loaded.autoencoder.encode(images).numpy()).max() < 1e-5


def test_a_graph_says_what_it_is_and_nothing_of_the_machine_that_wrote_it(digits: Path) -> None:
    import onnx

    model = onnx.load(digits / "sampler.onnx")
    says = {prop.key: prop.value for prop in model.metadata_props}
    assert (says["zoo.release"], says["zoo.role"], says["zoo.license"]) == (
        "dcgan.mnist5k 1.1.0",
        "sampler",
        "CC-BY-SA-3.0",
    )
    tensors = json.loads(says["zoo.tensors"])
    assert [(t["name"], t["draw"], t["shape"]) for t in tensors["inputs"]] == [
        ("normal", "normal", ["batch", 64]),
        ("uniform", "uniform", ["batch", 1]),
    ]
    output = tensors["output"]
    assert (output["name"], output["shape"], output["low"], output["high"]) == (
        "image",
        ["batch", 1, 32, 32],
        -1.0,
        1.0,
    )
    assert [value.name for value in session(digits / "sampler.onnx").get_inputs()] == ["normal", "uniform"]
    for path in digits.iterdir():
        assert str(Path(__file__).parent.parent).encode() not in path.read_bytes(), path.name


def test_random_numbers_become_the_distribution_of_the_prior(digits: Path) -> None:
    rng = np.random.default_rng(0)
    n = 8_000
    numbers = rng.standard_normal((n, 64), np.float32), rng.random((n, 1), np.float32)
    codes = ran(digits / "prior.onnx", *numbers).astype(np.float64)
    prior = zoo.load("dcgan.mnist5k").gan.prior
    weights, means, scales = (getattr(prior, name).double().numpy() for name in ("weights", "means", "scales"))
    mean = weights @ means
    covariance = (
        np.einsum("k,kij,klj->il", weights, scales, scales) + (means.T * weights) @ means - np.outer(mean, mean)
    )
    spread = np.sqrt(np.diag(covariance))
    assert np.abs((codes.mean(0) - mean) / spread).max() < 5 / n**0.5
    assert np.abs((np.cov(codes.T) - covariance) / np.outer(spread, spread)).max() < 0.1
    nearest = ((codes[:, None] - means[None, :20]) ** 2).sum(-1)  # the choice of components: the share near each mean
    assert len(np.unique(nearest.argmin(1))) == 20


def test_a_uniform_number_chooses_a_component_in_proportion_to_its_weight() -> None:
    config = type("Config", (), {"components": 4})()
    prior = MixturePrior(config, (2,))
    prior.weights.copy_(torch.tensor([0.5, 0.0, 0.375, 0.125]))
    prior.means.copy_(torch.arange(4.0)[:, None].expand(4, 2))
    uniform = (torch.arange(4_000) / 4_000)[:, None]
    codes = prior.from_noise(Noise(torch.zeros(4_000, 2), uniform))
    assert codes[:, 0].unique(return_counts=True)[1].tolist() == [2_000, 1_500, 500]
    last = prior.from_noise(Noise(torch.zeros(1, 2), torch.tensor([[1 - 2**-24]])))
    assert last[0, 0] == 3


@pytest.mark.parametrize("format", list(FORMATS))
def test_every_format_reads_its_own_files_and_takes_any_number_of_rows(
    release: Path, tmp_path: Path, format: str
) -> None:
    entries = export(release, tmp_path / "out", format=format)
    assert [entry.role for entry in entries] == ROLES
    run = FORMATS[format].read((tmp_path / "out" / f"generator{FORMATS[format].suffix}").read_bytes())
    gan = zoo.load(release).gan
    codes = gan.draw(37, seed=5)
    for rows in (1, 2, 37):
        assert torch.allclose(run((codes[:rows],)), gan.generate(codes[:rows]), atol=1e-5)


def test_two_exports_are_the_same_bytes(release: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(release, tmp_path / name, parts=["generator", "prior"])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("format", ["onnx", "torchscript"])
@pytest.mark.parametrize("role", ["encoder", "decoder", "generator", "discriminator", "sampler"])
def test_a_graph_that_computes_something_else_is_refused(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, role: str
) -> None:
    honest = FORMATS[format]

    def write(graph: Graph, metadata: Any) -> bytes:
        with torch.no_grad():
            for weight in graph.module.parameters():
                weight.mul_(1.01)
        return honest.write(graph, metadata)

    monkeypatch.setitem(FORMATS, format, dataclasses.replace(honest, write=write))
    with pytest.raises(IntegrityError, match=f"the written {role} differs from the release"):
        export(release, tmp_path / "out", format=format, parts=[role])
    assert not list(tmp_path.iterdir())


class OneRow(nn.Module):
    """Gives each row the mean of all."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        result = self.network(*inputs)
        return result + 1e-3 * inputs[0].mean()


def test_rows_that_depend_on_each_other_are_noticed(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.build_graph

    def build(*arguments: Any) -> Graph:
        graph = honest(*arguments)
        module = OneRow(graph.module)
        return dataclasses.replace(graph, module=module, expected=module(*graph.given).detach())

    monkeypatch.setattr(exporting, "build_graph", build)
    with pytest.raises(IntegrityError, match="differs from itself when it gets one row alone"):
        export(release, tmp_path / "out", parts=["generator"])


@pytest.mark.parametrize(("precision", "smaller"), [("fp16", 0.6), ("int8", 0.4)])
def test_fewer_bits_are_smaller_and_their_loss_is_measured(
    digits: Path, tmp_path: Path, precision: Any, smaller: float
) -> None:
    entries = export("dcgan.mnist5k", tmp_path / "out", precision=precision, parts=["generator", "prior"])
    plain = {e["file"]: e["size"] for e in json.loads((digits / "export.json").read_text("utf-8"))["graphs"].values()}
    codes = zoo.load("dcgan.mnist5k").gan.draw(200, seed=1)
    for entry in entries:
        assert entry.size < smaller * plain[entry.file]
        assert 1e-5 < entry.loss.relative < LIMITS[precision]
    exact, given = (ran(folder / "generator.onnx", codes) for folder in (digits, tmp_path / "out"))
    loss = np.linalg.norm(exact - given) / np.linalg.norm(exact)
    measured = next(entry for entry in entries if entry.role == "generator").loss.relative
    assert measured / 3 < loss < measured * 3  # what four vectors say holds for other codes


def test_a_precision_that_loses_too_much_is_refused(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "int8", 1e-4)
    with pytest.raises(IntegrityError, match="differs from the release: relative error 0"):
        export(release, tmp_path / "out", precision="int8", parts=["generator"])


def test_weights_of_8_bits_are_off_by_half_a_step_at_most_and_the_network_stays_as_it_is() -> None:
    layer = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 4)).requires_grad_(False)
    layer[0].weight[0] = 0
    before = layer[0].weight.clone()
    small = lowered(layer, "int8")
    step = before.abs().amax(1, keepdim=True) / 127
    assert ((small[0].weight - before).abs() <= step / 2 + 1e-7).all()
    assert torch.equal(layer[0].weight, before)
    assert {t.dtype for t in small.state_dict().values() if t.dim() > 1} == {torch.int8, torch.float32}


def test_spectrally_normalised_layers_are_exported_as_they_compute() -> None:
    mlp = PartSpec("mlp", {"widths": [8], "norm": "spectral"})
    model = zoo.autoencoder(mlp, mlp, shape=(1, 8, 8), code_shape=6).eval()
    x = torch.rand(3, 1, 8, 8)
    before = model(x)
    plain = lowered(model, "fp32")
    assert not any("parametrizations" in name for name in plain.state_dict())
    assert torch.allclose(plain(x), before, atol=1e-6)
    assert torch.equal(model(x), before)  # the original keeps its layers


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "photos.npz"
    images, labels = rng.integers(0, 255, (48, 16, 16, 3), np.uint8), np.arange(48) % 3
    np.savez(path, images=images, labels=labels, classes=np.array(["a", "b", "c"]), train=np.arange(48) < 40)
    return path


def test_a_gan_of_codes_becomes_one_graph_from_noise_to_pixels(photos: Path, tmp_path: Path) -> None:
    spatial, small = PartSpec("spatial", {"factor": 2, "width": 4}), PartSpec("r3gan", {"width": 4})
    stage = zoo.first_stage(zoo.autoencoder(spatial, spatial, shape=(3, 16, 16), code_shape=(3, 8, 8)).eval(), photos)
    gan = zoo.gan(small, small, first_stage=stage, code_shape=5)
    run = train(gan, photos, out=tmp_path / "run", images=16, training={"batch": 8})
    run.release(tmp_path / "release", license="MIT", name="r3gan.codes")
    export(tmp_path / "release", tmp_path / "out")
    numbers = torch.randn(3, 5)
    expected = run.gan.to_output(run.gan.generate(numbers)).numpy()
    assert expected.shape == (3, 3, 16, 16)
    assert np.abs(ran(tmp_path / "out" / "sampler.onnx", numbers) - expected).max() < 1e-4
    codes = ran(tmp_path / "out" / "generator.onnx", ran(tmp_path / "out" / "prior.onnx", numbers))
    assert np.abs(ran(tmp_path / "out" / "first_stage_decoder.onnx", codes) - expected).max() < 1e-4
    x = torch.from_numpy(expected)
    encoded = ran(tmp_path / "out" / "first_stage_encoder.onnx", x)
    assert np.abs(encoded - run.gan.from_output(x).numpy()).max() < 1e-4


@pytest.mark.parametrize("strategy", ["class-prior", "gaussian-prior+class-embedding+class-projection"])
def test_a_class_is_an_input_of_the_graphs_that_take_it(photos: Path, tmp_path: Path, strategy: str) -> None:
    small = PartSpec("dcgan", {"width": 4})
    images = open_images(photos)
    source = zoo.autoencoder(small, small, shape=(3, 16, 16), code_shape=6, data=images.spec).eval()
    gan = zoo.gan(like=source, data=images.spec)
    transferred = zoo.transfer(source, gan, strategy, data=images)
    run = train(transferred, images, out=tmp_path / "run", images=16, training={"batch": 8})
    run.release(tmp_path / "release", license="MIT", name="dcgan.classes")
    export(tmp_path / "release", tmp_path / "out")
    graphs = json.loads((tmp_path / "out" / "export.json").read_text("utf-8"))["graphs"]
    taking = {role for role, entry in graphs.items() if "class" in [value["name"] for value in entry["inputs"]]}
    assert taking == ({"prior", "sampler"} if strategy == "class-prior" else {"generator", "discriminator", "sampler"})
    asked = graphs["sampler"]["inputs"][-1]
    assert (asked["names"], asked["dtype"], asked["shape"]) == (["a", "b", "c"], "int64", ["batch"])
    classes = torch.tensor([0, 1, 2, 2])
    noise = run.gan.noise(4, 9, classes)
    assert noise is not None
    given = [part for part in noise if part.shape[1]]
    expected = run.gan.sample(4, 9, classes=classes).numpy()
    assert np.abs(ran(tmp_path / "out" / "sampler.onnx", *given, classes) - expected).max() < 1e-4
    others = ran(tmp_path / "out" / "sampler.onnx", *given, classes.flip(0))
    assert np.abs(others - expected).max() > 1e-3


def test_a_prior_that_does_not_tell_its_noise_is_named_and_can_be_left_out(photos: Path, tmp_path: Path) -> None:
    small = PartSpec("mlp", {"widths": [8]})
    gan = zoo.gan(small, small, prior="truncated", shape=(3, 16, 16), code_shape=4)
    train(gan, photos, out=tmp_path / "run", images=16, training={"batch": 8}).release(
        tmp_path / "release", license="MIT"
    )
    with pytest.raises(PluginError, match="the prior core/truncated cannot be a graph") as error:
        export(tmp_path / "release", tmp_path / "out")
    assert "--part generator" in error.value.hint
    assert [entry.role for entry in export(tmp_path / "release", tmp_path / "out", parts=["generator"])] == [
        "generator"
    ]


def test_what_cannot_be_done_is_said_before_anything_is_computed(release: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        export(release, tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    with pytest.raises(UnknownName):
        export("dcgan.mnist5", tmp_path / "out")
    with pytest.raises(ConfigError, match="has no first_stage_decoder"):
        export(release, tmp_path / "out", parts=["first_stage_decoder"])
    with pytest.raises(ConfigError, match="format 'onx' is unknown"):
        export(release, tmp_path / "out", format="onx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_every_choice_of_the_command_is_there() -> None:
    from zoo_export import choices, graphs

    assert set(choices.ROLES) == set(graphs._BUILDERS)
    assert set(choices.FORMATS) == set(FORMATS)
    assert set(choices.PRECISIONS) == set(LIMITS)


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="onnxruntime, which is not installed") as error:
        export(release, tmp_path / "out")
    assert error.value.hint == "pip install 'aegan-zoo[export]'"


def test_a_release_with_changed_test_vectors_is_not_exported(tmp_path: Path) -> None:
    import safetensors.torch

    from zoo.release.folder import pin_file
    from zoo.release.manifest import manifest_bytes, parse_manifest

    folder = released(tmp_path / "release")
    path = folder / "vectors.safetensors"
    vectors = safetensors.torch.load(path.read_bytes())
    vectors["sample"] = vectors["sample"] * 0.5
    path.write_bytes(safetensors.torch.save(vectors))
    manifest = parse_manifest((folder / "zoo.json").read_bytes(), "zoo.json")
    files = manifest.files | {path.name: pin_file(path.read_bytes())}
    (folder / "zoo.json").write_bytes(manifest_bytes(dataclasses.replace(manifest, files=files)))
    with pytest.raises(IntegrityError, match="does not reproduce its sample"):
        export(folder, tmp_path / "out")


def test_the_command_prints_a_table_or_json(release: Path, tmp_path: Path) -> None:
    words = ["export", str(release), str(tmp_path / "a"), "--part", "generator", "--format", "torchscript"]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert "all reproduce the release" in done.output
    again = CliRunner().invoke(command, [*words[:2], str(tmp_path / "b"), *words[3:], "--json"], catch_exceptions=False)
    (row,) = json.loads(again.stdout)
    assert (row["role"], row["file"]) == ("generator", "generator.pt")
    assert row["loss"]["largest"] < 1e-5
    wrong = CliRunner().invoke(command, [*words, "--runtime", str(tmp_path)])
    assert wrong.exit_code == 2


def test_an_autoencoder_alone_has_two_graphs(tmp_path: Path) -> None:
    entries = export("spatial.photos4", tmp_path / "out", format="torchscript")
    assert [entry.role for entry in entries] == ["encoder", "decoder"]
