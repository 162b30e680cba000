"""A generator may declare the shape of its codes: composing takes it, and refuses another one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_plugin_life_cycle import Site, site  # noqa: F401

import zoo
from zoo.errors import CompositionError, PluginError
from zoo.testing import GeneratorCase
from zoo.testing.conformance.plugin import check_plugin
from zoo.training.recipe import AutoencoderSection, GanSection
from zoo.training.recipe_models import compose_autoencoder, compose_gan
from zoo.types import DataSpec, PartSpec

CONFIG = """
    from dataclasses import dataclass
    from zoo.plugin import CompositionError
    @dataclass(frozen=True)
    class Half:
        channels: int = 2
        def code_shape(self, data):
            if not data.is_spatial or data.shape[1] % 2:
                raise CompositionError("no image of even sides")
            return (self.channels, data.shape[1] // 2, data.shape[2] // 2)
    @dataclass(frozen=True)
    class Setting:
        code_shape: int = 3
    @dataclass(frozen=True)
    class Fails:
        def code_shape(self, data):
            return {}["no"]
    @dataclass(frozen=True)
    class Number:
        def code_shape(self, data):
            return 8
"""
NET = """
    import torch
    from torch import nn
    from zoo.plugin import Generator
    class Doubling(Generator):
        first = None
        def __init__(self, config, data, code_shape):
            super().__init__()
            self.data, self.code_shape = data, code_shape
            self.up = nn.ConvTranspose2d(code_shape[0], data.shape[0], 2, 2)
        def forward(self, z):
            return torch.tanh(self.up(z))
    class Flat(Generator):
        def __init__(self, config, data, code_shape):
            super().__init__()
            self.data, self.code_shape = data, code_shape
            self.first = nn.Linear(code_shape[0], data.size)
        def forward(self, z):
            return torch.tanh(self.first(z)).view(-1, *self.data.shape)
"""
PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [
            Component("generator", "doubling", "NAME_net:Doubling", "NAME_config:Half"),
            Component("generator", "setting", "NAME_net:Flat", "NAME_config:Setting"),
            Component("generator", "fails", "NAME_net:Flat", "NAME_config:Fails"),
            Component("generator", "number", "NAME_net:Flat", "NAME_config:Number"),
        ]
"""
DATA = DataSpec((1, 8, 12))


@pytest.fixture(autouse=True)
def plugin(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    site.add("codes", PLUGIN, net=NET, config=CONFIG)


def test_composing_takes_the_shape_that_the_generator_declares_for_the_data() -> None:
    doubling = PartSpec("doubling", {"channels": 3})
    assert zoo.gan(doubling, "mlp", data=DATA).code_shape == (3, 4, 6)
    assert zoo.autoencoder("mlp", doubling, data=DATA).code_shape == (3, 4, 6)
    assert zoo.gan(doubling, "mlp", data=DATA, code_shape=(3, 4, 6)).code_shape == (3, 4, 6)
    source = zoo.autoencoder("mlp", "mlp", data=DATA, code_shape=5)
    assert zoo.gan(doubling, like=source).code_shape == (3, 4, 6)
    assert zoo.gan("mlp", like=source).code_shape == (5,)
    assert zoo.gan("mlp", data=DATA).code_shape == zoo.autoencoder("mlp", data=DATA).code_shape == (64,)


def test_another_shape_is_refused_and_both_are_named() -> None:
    for compose in (
        lambda: zoo.gan("doubling", "mlp", data=DATA, code_shape=8),
        lambda: zoo.autoencoder("mlp", "doubling", data=DATA, code_shape=8),
    ):
        with pytest.raises(
            CompositionError, match=r"codes/doubling reads codes of shape \[2, 4, 6\], and code_shape is \[8\]"
        ) as refused:
            compose()
        assert "Leave code_shape out" in (refused.value.hint or "")
    with pytest.raises(CompositionError, match="no image of even sides"):
        zoo.gan("doubling", "mlp", shape=(1, 7, 8))


def test_a_recipe_without_a_code_shape_takes_the_generators_own() -> None:
    assert compose_gan(GanSection("doubling", "mlp"), DATA, None, 0).code_shape == (2, 4, 6)
    assert compose_autoencoder(AutoencoderSection("mlp", "doubling"), DATA, 0).code_shape == (2, 4, 6)


def test_a_run_keeps_the_shape(images_file: Path, tmp_path: Path) -> None:
    run = zoo.train(
        zoo.gan("doubling", "mlp", shape=(1, 8, 8)),
        images_file,
        out=tmp_path / "run",
        images=32,
        training={"batch": 16},
    )
    assert torch.equal(zoo.open_run(tmp_path / "run").gan.sample(2), run.gan.sample(2))
    assert "code_shape = [" in (tmp_path / "run" / "recipe.toml").read_text()


def test_a_setting_of_that_name_declares_nothing() -> None:
    assert zoo.gan("setting", "mlp", data=DATA, code_shape=5).code_shape == (5,)
    assert zoo.gan("setting", "mlp", data=DATA).code_shape == (64,)


@pytest.mark.parametrize(
    ("name", "says"), [("fails", "its `code_shape` failed: KeyError"), ("number", "8, not a tuple")]
)
def test_a_declaration_that_fails_is_the_plugins_fault(name: str, says: str) -> None:
    with pytest.raises(PluginError, match=says) as caught:
        zoo.gan(name, "mlp", data=DATA)
    assert "zoo-codes 1.2" in (caught.value.hint or "")


def test_the_kit_builds_a_generator_with_the_shape_that_it_declares() -> None:
    assert GeneratorCase("doubling", data=DATA).codes == (2, 4, 6)
    verdict = check_plugin("codes", "doubling")
    assert verdict.passed, [(result.check, result.error) for result in verdict.failures]
    assert [refusal.case for refusal in verdict.refusals] == ["codes/doubling()-7"]


ENCODER_PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [Component("encoder", "moments", "NAME_net:Moments", "NAME_config:Config", "names its bottleneck")]
"""
ENCODER_CONFIG = """
    from dataclasses import dataclass
    from zoo.plugin import PartSpec
    @dataclass(frozen=True)
    class Config:
        names: str = "linear"
        def bottleneck(self):
            return PartSpec(self.names) if self.names else 3
"""
ENCODER_NET = """
    from torch import nn
    from zoo.plugin import Encoder, Features
    class Moments(Encoder):
        def __init__(self, config, data):
            super().__init__()
            self.data, self.stage_channels, self.embedding_shape = data, (4,), (4,)
            self.map = nn.Linear(data.size, 4)
        def features(self, x):
            embedding = self.map(x.flatten(1))
            return Features(embedding, (embedding,))
        def forward(self, x):
            return self.features(x).embedding
"""


def test_an_encoder_may_name_its_bottleneck(site: Site) -> None:  # noqa: F811
    site.add("moments", ENCODER_PLUGIN, config=ENCODER_CONFIG, net=ENCODER_NET)
    model = zoo.autoencoder("moments", "mlp", shape=(1, 8, 8), code_shape=4)
    assert model.specs["bottleneck"].component == "core/linear"
    model = zoo.autoencoder("moments", "mlp", shape=(1, 8, 8), code_shape=4, bottleneck="identity")
    assert model.specs["bottleneck"].component == "core/identity"
    assert zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8)).specs["bottleneck"].component == "core/gaussian"
    with pytest.raises(PluginError, match="its `bottleneck` gave a int"):
        zoo.autoencoder(PartSpec("moments", {"names": ""}), "mlp", shape=(1, 8, 8))


def test_a_recipe_of_an_earlier_version_calls_the_decoder_generator() -> None:
    from zoo.training.recipe import recipe_from_plain

    plain = {"data": {"source": "mnist5k"}, "autoencoder": {"encoder": "mlp", "generator": "dcgan", "latent_dim": 8}}
    section = recipe_from_plain(plain, "it").autoencoder
    assert section is not None
    assert (section.decoder, section.code_shape) == ("dcgan", (8,))
