"""Pretrained weights are fetched wherever a network is built anew, and never where saved values follow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_transfers import make_trainer, run
from test_plugin_life_cycle import Site, site  # noqa: F401

import zoo
from zoo.data.open import open_images
from zoo.errors import PluginError, TransferError
from zoo.networks.pretrained import origins_of
from zoo.types import PartSpec

CONFIG = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Config:
        pretrained: str = ""
    @dataclass(frozen=True)
    class StrategyConfig:
        edits: bool = True
"""
PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [
            Component("encoder", "sevens", "NAME_net:Sevens", "NAME_config:Config", "weights of 7"),
            Component("transfer", "outsider", "NAME_net:Outsider", "NAME_config:StrategyConfig", "an encoder of its own"),
        ]
"""
NET = """
    import torch
    from torch import nn
    from zoo.plugin import (
        AuxiliaryLoss, Encoder, Features, PartSpec, Side, Slot, TransferPlan, TransferStrategy, WeightsOrigin,
        build_part, fetched_edits,
    )
    FETCHED = []
    class Cache(nn.Module):
        '''A submodule may call its members as it likes.'''
        def __init__(self):
            super().__init__()
            self.register_buffer("always_frozen", torch.zeros(1))
        def fetch(self, key):
            raise RuntimeError("nobody asked for this")
    class Sevens(Encoder):
        def __init__(self, config, data):
            super().__init__()
            self.config, self.data, self.stage_channels, self.embedding_shape = config, data, (4,), (4,)
            self.map = nn.Linear(data.size, 4)
            self.cache = Cache()
        def features(self, x):
            embedding = self.map(x.flatten(1))
            return Features(embedding, (embedding,))
        def forward(self, x):
            return self.features(x).embedding
        def fetch(self):
            if not self.config.pretrained:
                return None
            FETCHED.append(self.config.pretrained)
            with torch.no_grad():
                self.map.weight.fill_(7)
            return WeightsOrigin("org/sevens", "c" * 40, "model.safetensors", "a" * 64, "MIT")
    class OutsiderLoss(AuxiliaryLoss):
        side = Side.GENERATOR
        def __init__(self, encoder):
            super().__init__()
            self.encoder = encoder
        def weight(self, shown):
            return 1.0
        def forward(self, context):
            return (self.encoder(context.real) - self.encoder(context.fake)).square().mean()
    class Outsider(TransferStrategy):
        slots, requires = frozenset({Slot.LOSS}), frozenset()
        def __init__(self, config):
            self.config = config
        def plan(self, source, gan):
            spec = PartSpec("classes/sevens", {"pretrained": "v1"})
            device = next(gan.generator.parameters()).device.type
            encoder = build_part("encoder", spec, "outsider", gan.data, device=device)
            edits = fetched_edits("losses.features", "encoder.", encoder, spec, gan.data) if self.config.edits else []
            names = {f"encoder.{name}" for name in encoder.state_dict()}
            return TransferPlan(
                gan, edits, losses={"features": OutsiderLoss(encoder)}, frozen={"losses.features": names}
            )
"""
SEVENS = PartSpec("sevens", {"pretrained": "v1"})


@pytest.fixture
def fetched(site: Site) -> list[str]:  # noqa: F811
    site.add("classes", PLUGIN, net=NET, config=CONFIG)
    import zoo_classes_net  # type: ignore[import-not-found]

    asked: list[str] = zoo_classes_net.FETCHED
    return asked


def test_composing_fetches_once_and_says_where_from(fetched: list[str]) -> None:
    model = zoo.autoencoder(SEVENS, "mlp", shape=(1, 8, 8), code_shape=4)
    assert fetched == ["v1"]
    assert bool((model.encoder.map.weight == 7).all())  # type: ignore[union-attr, operator]
    (origin,) = origins_of(model)
    assert str(origin) == "org/sevens@cccccccccccc (MIT)"
    assert origins_of(zoo.autoencoder("sevens", "mlp", shape=(1, 8, 8), code_shape=4)) == ()


def test_an_encoder_as_discriminator_is_fetched_too(fetched: list[str]) -> None:
    gan = zoo.gan("mlp", SEVENS, shape=(1, 8, 8), code_shape=4)
    assert fetched == ["v1"]
    assert len(origins_of(gan.discriminator)) == 1


def test_a_perceptual_loss_uses_the_weights_that_it_names_and_resumes_without_fetching(
    fetched: list[str], images_file: Path, tmp_path: Path
) -> None:
    objective = {
        "component": "core/perceptual",
        "config": {"encoder": {"component": "sevens", "config": {"pretrained": "v1"}}},
    }
    model = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=4)
    settings = {"objective": objective, "batch": 8, "checkpoint_every": 16}
    whole = zoo.train(model, str(images_file), out=tmp_path / "a", images=32, training=settings)
    assert fetched == ["v1"]

    def stop(event: zoo.types.Event) -> None:
        if event.kind == "checkpoint" and event.shown:
            raise InterruptedError

    model = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=4)
    with pytest.raises(InterruptedError):
        zoo.train(model, str(images_file), out=tmp_path / "b", images=32, training=settings, watch=[stop])
    fetched.clear()
    continued = zoo.resume(tmp_path / "b")
    assert fetched == []
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(whole.autoencoder.encode(x), continued.autoencoder.encode(x))  # type: ignore[union-attr]


def test_a_strategys_own_encoder_is_fetched_when_its_plan_is_applied(fetched: list[str], images_file: Path) -> None:
    images = open_images(str(images_file))
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    transferred = zoo.transfer(source, zoo.gan(like=source), "outsider", data=images)
    assert fetched == ["v1"]
    loss = transferred.plan.losses["classes/outsider/features"]
    assert bool((loss.encoder.map.weight == 7).all())  # type: ignore[union-attr, operator]
    run(make_trainer(transferred, images), images, 2)


def test_a_strategy_that_would_use_random_weights_is_refused(fetched: list[str], images_file: Path) -> None:
    source = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=4)
    with pytest.raises(TransferError, match=r"losses.classes/outsider/features.encoder names pretrained weights"):
        zoo.transfer(source, zoo.gan(like=source), [PartSpec("outsider", {"edits": False})], data=str(images_file))


def test_members_of_submodules_may_have_any_name(fetched: list[str], images_file: Path, tmp_path: Path) -> None:
    gan = zoo.gan("mlp", SEVENS, shape=(1, 8, 8), code_shape=4)
    zoo.train(gan, str(images_file), out=tmp_path / "run", images=16, training={"batch": 8}).release(
        tmp_path / "release", license="MIT"
    )
    fetched.clear()
    assert zoo.load(tmp_path / "release").gan is not None
    assert fetched == []


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("def fetch(self, key): pass", "cannot be called without arguments"),
        ("def fetch(self): return 3", "returned a int"),
        ("always_frozen = ('nothing',)", "`always_frozen` that is not"),
        ("always_frozen = 'map'", "`always_frozen` that is not"),
    ],
)
def test_a_reserved_name_used_for_something_else_is_named(site: Site, member: str, says: str, tmp_path: Path) -> None:  # noqa: F811
    net = NET.replace("def fetch(self):\n            if", f"{member}\n        def other(self):\n            if")
    site.add("classes", PLUGIN, net=net, config=CONFIG)

    def compose_and_train() -> None:
        zoo.train(zoo.gan("mlp", "sevens", shape=(1, 8, 8), code_shape=4), "mnist5k", out=tmp_path / "run", images=8)

    with pytest.raises(PluginError, match=says):
        compose_and_train()
