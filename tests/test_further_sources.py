"""A stranger's strategies use further sources: D from another autoencoder, and the opinion of an encoder alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from helpers import SHAPE, autoencoder, states_equal
from test_plugin_life_cycle import Site, site  # noqa: F401

import zoo
from zoo._utils.strict_json import dump_json
from zoo.cli import zoo as program
from zoo.errors import ConfigError, IntegrityError, TransferError
from zoo.networks.encoder_source import EncoderSource
from zoo.release.card import card
from zoo.release.manifest import LineageSource, manifest_bytes, parse_manifest
from zoo.testing import TransferCase
from zoo.testing.conformance.transfers import TRANSFER_CHECKS
from zoo.training import checkpoint
from zoo.training.recipe import recipe_from_plain
from zoo.training.recipe_diff import differences
from zoo.types import Event, Origin, PartSpec, WeightsOrigin

CONFIG = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Config:
        weight: float = 1.0
"""
PLUGIN = """
    from zoo.plugin import Component, hook
    ZOO_API = 2
    @hook
    def zoo_components():
        return [
            Component("encoder", "flat", "NAME_net:Flat", "NAME_config:Config", "with pretrained weights"),
            Component("transfer", "mixed-init", "NAME_net:MixedInit", "NAME_config:Config", "G and D of two sources"),
            Component("transfer", "second-opinion", "NAME_net:SecondOpinion", "NAME_config:Config", "an encoder's view"),
        ]
"""
NET = """
    from torch import nn
    from zoo.plugin import (
        AuxiliaryLoss, Encoder, Features, Side, Slot, Source, TransferPlan, TransferStrategy, build_part, convert_samples, map_weights,
        WeightsOrigin, seeded,
    )
    class Flat(Encoder):
        times = 0
        stage_channels = ()
        embedding_shape = (5,)
        def __init__(self, config, data):
            super().__init__()
            self.data, self.map = data, nn.Linear(data.size, 5)
        def features(self, x):
            return Features(self.map(x.flatten(1)), ())
        def forward(self, x):
            return self.features(x).embedding
        def fetch(self):
            Flat.times += 1
            nn.init.constant_(self.map.weight, 0.5)
            return WeightsOrigin("org/flat", "c" * 40, "model.safetensors", "d" * 64, "MIT")
    class MixedInit(TransferStrategy):
        slots = frozenset({Slot.GENERATOR, Slot.DISCRIMINATOR})
        requires = frozenset({Source.DECODER})
        further = ("second",)
        def __init__(self, config):
            self.config = config
        def plan_from(self, source, further, gan):
            encoder = further["second"].parts["encoder"]
            edits = map_weights(source.decoder, "decoder", gan.generator, "generator")
            edits += map_weights(encoder, "second/encoder", gan.discriminator.encoder, "discriminator", "encoder.")
            return TransferPlan(gan, edits)
        def noop_config(self):
            'None: the copies are the strategy.'
    class Opinion(AuxiliaryLoss):
        side = Side.DISCRIMINATOR
        def __init__(self, config, encoder, data, channels):
            super().__init__()
            self.config, self.encoder, self.data = config, encoder, data
            with seeded(0, "opinion"):
                self.predict = nn.Conv2d(4, channels, 1)
        def weight(self, shown):
            return self.config.weight
        def forward(self, context):
            wanted = self.encoder.features(convert_samples(context.fake, self.data, self.encoder.data)).embedding
            return (self.predict(context.fake_output.stages[0]).mean((2, 3)) - wanted.flatten(1)).square().mean()
    class SecondOpinion(TransferStrategy):
        slots = frozenset({Slot.LOSS})
        requires = frozenset()
        further = ("judge",)
        def __init__(self, config):
            self.config = config
        def plan_from(self, source, further, gan):
            judge = further["judge"]
            encoder = build_part("encoder", judge.specs["encoder"], "encoder", judge.data)
            loss = Opinion(self.config, encoder, gan.data, judge.parts["encoder"].embedding_shape[0])
            edits = map_weights(judge.parts["encoder"], "judge/encoder", encoder, "losses.opinion", "encoder.")
            frozen = {edit.tensor for edit in edits}
            return TransferPlan(gan, edits, losses={"opinion": loss}, frozen={"losses.opinion": frozen})
        def noop_config(self):
            return type(self.config)(weight=0.0)
"""
BOTH = "mixed-init+second-opinion"
TRAINING = {"batch": 16, "checkpoint_every": 16}
ENCODER = PartSpec("mlp", {"widths": [12, 5]})
ORIGIN = Origin("dcgan.other", "2.1.0", "sha256:" + "a" * 64, f"hub:ann/other@{'b' * 40}")


@pytest.fixture(autouse=True)
def _plugin(site: Site) -> None:  # noqa: F811
    site.add("stranger", PLUGIN, config=CONFIG, net=NET)


def sources() -> dict[str, Any]:
    second = autoencoder(seed=7)
    second.origin = ORIGIN
    return {"second": second, "judge": zoo.encoder(ENCODER, shape=SHAPE, seed=9)}


def transferred(further: dict[str, Any] | None = None) -> Any:
    return zoo.transfer(autoencoder(), strategy=BOTH, further=sources() if further is None else further)


def train(data: Path, out: Path, **others: Any) -> zoo.Run:
    return zoo.train(transferred(), str(data), out=out, images=48, training=TRAINING, **others)


def values(run: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(checkpoint.latest_checkpoint(run / "checkpoints"))[1]


def test_each_tensor_comes_from_the_source_that_its_strategy_names() -> None:
    given = sources()
    before = {name: {k: v.clone() for k, v in one.state_dict().items()} for name, one in given.items()}
    moved = transferred(given)
    assert states_equal(moved.gan.generator, autoencoder().decoder)
    assert states_equal(moved.gan.discriminator.encoder, given["second"].encoder)
    assert states_equal(moved.plan.losses["stranger/second-opinion/opinion"].encoder, given["judge"].encoder)
    hows = {row.how.partition(".")[0] for row in moved.report.rows if row.origin != "fresh"}
    assert hows == {"decoder", "second/encoder", "judge/encoder"}
    for name in hows:
        assert f">{name}</text>" in moved.report._repr_html_()
    for name, one in given.items():
        assert all(torch.equal(before[name][key], value) for key, value in one.state_dict().items())


@pytest.mark.parametrize(
    ("strategy", "names", "text"),
    [
        (BOTH, ["second"], "uses a further source 'judge', and none is given"),
        ("decoder-init", ["second"], "uses no further source 'second'"),
        (BOTH, ["second", "judge", "jugde"], "Did you mean judge"),
        ("auto", ["second"], "auto uses no further source 'second'"),
    ],
)
def test_a_missing_or_unknown_source_is_refused_before_anything_is_opened(
    strategy: str, names: list[str], text: str
) -> None:
    with pytest.raises(TransferError) as caught:
        zoo.transfer(autoencoder(), strategy=strategy, further=dict.fromkeys(names, autoencoder()), data="no-such-data")
    assert text in str(caught.value)
    table = {"source": "no-such-release", "strategy": strategy, "further": {n: {"source": "none"} for n in names}}
    recipe = recipe_from_plain({"data": {"source": "no-such-data"}, "transfer": table}, "test")
    with pytest.raises(TransferError) as caught:
        zoo.run_recipe(recipe, "never-written")
    assert text in str(caught.value)


def test_a_network_that_is_no_source_is_refused_with_what_would_be() -> None:
    for wrong in (zoo.gan(like=autoencoder()), autoencoder().encoder):
        with pytest.raises(TransferError, match="not an autoencoder or an encoder") as caught:
            transferred(sources() | {"judge": wrong})
        assert "zoo.encoder" in caught.value.hint


def test_a_run_that_was_cut_goes_on_bit_for_bit_without_its_sources(images_file: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown >= 16:
            raise RuntimeError("stopped by the test")

    train(images_file, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(images_file, tmp_path / "cut", watch=[stop])
    kept = sorted((tmp_path / "cut").glob("source*"))
    assert [path.name for path in kept] == [
        "source.judge.safetensors",
        "source.safetensors",
        "source.second.safetensors",
    ]
    (tmp_path / "aside").mkdir()
    for path in kept[::2]:
        path.rename(tmp_path / "aside" / path.name)
    resumed = zoo.resume(tmp_path / "cut")
    whole, cut = values(tmp_path / "whole"), values(tmp_path / "cut")
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[key], cut[key]) for key in whole)
    with pytest.raises(IntegrityError, match="is gone"):
        resumed.further  # noqa: B018


def test_a_run_gives_its_sources_back_and_a_longer_one_has_copies(images_file: Path, tmp_path: Path) -> None:
    run = train(images_file, tmp_path / "run")
    longer = zoo.resume(run.folder, override={"images": 64}, out=tmp_path / "longer")
    for one in (run, longer, zoo.open_run(run.folder)):
        assert one.further.keys() == sources().keys()
        assert all(states_equal(one.further[name], source) for name, source in sources().items())
    shutil.copy(tmp_path / "run" / "source.safetensors", tmp_path / "run" / "source.second.safetensors")
    with pytest.raises(TransferError, match="not what the run began with"):
        zoo.open_run(run.folder).further  # noqa: B018


def test_a_release_names_every_source_and_so_do_its_card_and_the_command(images_file: Path, tmp_path: Path) -> None:
    run = train(images_file, tmp_path / "run")
    manifest = run.release(tmp_path / "release", license="CC0-1.0", name="dcgan.two")
    assert run.recipe.transfer.further["second"].source == ORIGIN.source
    assert "mlp" in run.recipe.plugins, "the encoder alone is of that plugin"
    second, judge = (run.recipe.transfer.further[name].sha256 for name in ("second", "judge"))
    assert manifest.lineage.further == (
        LineageSource("second", second, ORIGIN),
        LineageSource("judge", judge, None, PartSpec("mlp/mlp", run.recipe.transfer.further["judge"].encoder.config)),
    )
    assert states_equal(zoo.load(tmp_path / "release").gan, run.gan)
    text = (tmp_path / "release" / "README.md").read_text()
    assert 'base_model:\n- "ann/other"\n' in text
    assert (
        f"`second`: the autoencoder of `dcgan.other` 2.1.0 (`zoo.json` `sha256:{'a' * 12}`), weights `{second[:12]}`"
        in text
    )
    assert "`judge`: the encoder `mlp/mlp`" in text
    shown = CliRunner().invoke(program, ["info", str(tmp_path / "release")]).output
    assert "dcgan.other 2.1.0" in shown
    assert "mlp/mlp" in shown


def test_pretrained_weights_are_fetched_once_and_named_in_the_lineage(images_file: Path, tmp_path: Path) -> None:
    judge = zoo.encoder("stranger/flat", shape=SHAPE)
    moved = zoo.transfer(autoencoder(), strategy="second-opinion", further={"judge": judge})
    assert (moved.plan.losses["stranger/second-opinion/opinion"].encoder.map.weight == 0.5).all()
    run = zoo.train(moved, str(images_file), out=tmp_path / "run", images=16, training=TRAINING)
    manifest = zoo.resume(run.folder).release(tmp_path / "release", license="CC0-1.0", name="dcgan.flat")
    assert states_equal(zoo.open_run(run.folder).further["judge"], judge)
    assert type(judge.encoder).times == 1
    origin = WeightsOrigin("org/flat", "c" * 40, "model.safetensors", "d" * 64, "MIT")
    assert manifest.lineage.further[0].fetched == (origin,)
    text = (tmp_path / "release" / "README.md").read_text()
    assert 'base_model:\n- "org/flat"\n' in text
    assert f"pretrained weights of {origin}" in text


def test_a_lineage_of_before_is_read_and_one_of_a_stranger_is_checked(images_file: Path, tmp_path: Path) -> None:
    run = train(images_file, tmp_path / "run")
    manifest = run.release(tmp_path / "release", license="CC0-1.0", name="dcgan.two")
    plain = json.loads(manifest_bytes(manifest))
    del plain["lineage"]["further"]
    again = parse_manifest(_sealed(plain), "old")
    assert again.lineage == replace(manifest.lineage, further=())
    assert "Further source" not in card(again)
    plain["lineage"]["further"] = [{"name": "second", "weights": "short"}]
    with pytest.raises(zoo.ZooError, match=r"lineage\.further\.second"):
        parse_manifest(_sealed(plain), "hostile")


def _sealed(plain: dict[str, Any]) -> bytes:
    from zoo._utils.files import sha256_of

    facts = {key: value for key, value in plain.items() if key != "sha256"}
    return dump_json(facts | {"sha256": sha256_of(dump_json(facts))})


def recipe_of(data: Path, second: Path, **judge: Any) -> Any:
    further = {"second": {"source": str(second)}, "judge": {"encoder": {"component": "mlp", "config": ENCODER.config}}}
    further["judge"] |= judge
    table = {"source": str(second), "strategy": BOTH, "further": further}
    training = {"images": 16, "batch": 16}
    return recipe_from_plain({"data": {"source": str(data)}, "transfer": table, "gan": {"training": training}}, "test")


def test_a_recipe_names_its_sources_and_the_runs_own_recipe_pins_them(images_file: Path, tmp_path: Path) -> None:
    ae = zoo.train(autoencoder(seed=3), str(images_file), out=tmp_path / "ae", images=16, training={"batch": 16})
    run = zoo.run_recipe(recipe_of(images_file, ae.folder), tmp_path / "run").gan
    assert states_equal(run.further["second"], ae.autoencoder)
    assert isinstance(run.further["judge"], EncoderSource)
    pin = run.recipe.transfer.further["judge"].sha256
    again = zoo.run_recipe(recipe_of(images_file, ae.folder, sha256=pin), tmp_path / "again").gan
    assert states_equal(again.gan, run.gan)
    other = {"judge": replace(again.recipe.transfer.further["judge"], sha256="f" * 64)}
    others = replace(
        again.recipe, transfer=replace(again.recipe.transfer, further={**run.recipe.transfer.further, **other})
    )
    assert differences([run.recipe, others]) == []
    with pytest.raises(ConfigError, match="'judge' is not the one that this recipe began with"):
        zoo.run_recipe(recipe_of(images_file, ae.folder, sha256="0" * 64), tmp_path / "other")
    own = replace(run.recipe, transfer=replace(run.recipe.transfer, source=str(ae.folder)))
    with pytest.raises(ConfigError, match="its further source second was brought in memory"):
        zoo.run_recipe(own, tmp_path / "own")


@pytest.mark.parametrize("name", ["mixed-init", "second-opinion"])
def test_the_kit_gives_a_strategy_its_further_sources(name: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    for check in TRANSFER_CHECKS:
        check(TransferCase(f"stranger/{name}"))


@pytest.mark.parametrize("name", ["../second", "Second", "a/b", ""])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    plain = {"data": {"source": "x"}, "transfer": {"further": {name: {"source": "y"}}}}
    with pytest.raises(ConfigError, match="is not a name of lower-case letters"):
        recipe_from_plain(plain, "test")


@pytest.mark.parametrize("section", [{}, {"source": "a", "encoder": "mlp"}])
def test_a_further_source_is_one_autoencoder_or_one_encoder(section: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="either an autoencoder or an encoder"):
        recipe_from_plain({"data": {"source": "x"}, "transfer": {"further": {"second": section}}}, "test")


def test_the_command_takes_further_sources_and_explains_what_comes_from_each(images_file: Path, tmp_path: Path) -> None:
    zoo.train(autoencoder(seed=3), str(images_file), out=tmp_path / "ae", images=16, training={"batch": 16})
    words = [
        "transfer",
        str(tmp_path / "ae"),
        "--data",
        str(images_file),
        "--strategy",
        "mixed-init",
        "--explain",
        "-v",
    ]
    done = CliRunner().invoke(program, [*words, "--further", f"second={tmp_path / 'ae'}"])
    assert done.exit_code == 0, done.output
    assert "second/encoder." in done.output
    for given, text in (
        ("third", "is not NAME=SOURCE"),
        ("second=y", "names second twice"),
        ("third=x", "uses no further source 'third'"),
    ):
        done = CliRunner().invoke(program, [*words, "--further", "second=x", "--further", given])
        assert text in f"{done.output}{done.exception}"
