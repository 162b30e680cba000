"""The generated parts of docs/ are current, and every strategy has a complete page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import page_pictures
import pytest
import strategy_pictures
import target_matrix
from generated_docs import DIAGRAMS, DOCS, PICTURES, costs, generated, names, pages

from zoo import plugins
from zoo.errors import TransferError
from zoo.transfers.apply import explain

ANEW = "write it again: python tests/generated_docs.py"


PAGES = [
    pytest.param(page, id=str(page.relative_to(DOCS)), marks=[pytest.mark.long] if page.stem == "targets" else [])
    for page in pages()
]


@pytest.mark.parametrize("page", PAGES)
def test_computed_parts_are_current(page: Path) -> None:
    """Settings, costs and tables are what the code and the measurements give today."""
    text = page.read_text("utf-8")
    assert generated(text) == text, ANEW


@pytest.mark.parametrize("name", names())
def test_every_strategy_has_a_page_with_idea_equation_picture_cost_use_paper_and_settings(name: str) -> None:
    text = (DOCS / "strategies" / f"{name}.md").read_text("utf-8")
    idea = text.split("```")[0].removeprefix(f"# {name}\n")
    assert len(re.findall(r"[.!?](?:\s|$)", idea)) >= 2, "the idea takes two or three sentences"
    assert re.search(r"^```\n.+\n```$", text, re.MULTILINE), "an equation"
    assert f"(images/{name}.svg)" in text
    for begin in (
        "- Transfers: ",
        "- When to use: ",
        "- When not to use: ",
        "Paper: ",
        f"<!-- generated: cost {name} -->",
    ):
        assert f"\n{begin}" in text, begin
    assert f"<!-- generated: settings transfer {name} -->" in text
    assert name in costs(), "measure it: python benchmarks/strategy_cost.py"


@pytest.mark.parametrize("name", names())
def test_every_picture_is_drawn_from_todays_plan(name: str) -> None:
    """A strategy that moves another tensor needs another picture."""
    drawn = (PICTURES / f"{name}.svg").read_text("utf-8")
    assert strategy_pictures.picture(name) == drawn, ANEW
    words = " ".join(ElementTree.fromstring(drawn).itertext())
    counts = {edit.origin for edit in strategy_pictures.planned(name)[1].edits if not edit.net.startswith("source.")}
    assert all(origin in words for origin in counts)


@pytest.mark.parametrize("kind", ["objective", "regulariser", "prior"])
def test_every_objective_regulariser_and_prior_is_on_the_page_with_equation_source_and_settings(kind: str) -> None:
    text = (DOCS / "objectives.md").read_text("utf-8")
    for registered in plugins.components(kind):
        if registered.plugin.distribution in plugins.BUNDLED:
            _, found, section = text.partition(f"\n### {registered.id}\n")
            assert found, f"{registered.id} has no section"
            section = section.partition("\n### ")[0]
            assert section.startswith("\n```\n"), registered.id
            assert "Source: " in section, registered.id
            assert f"<!-- generated: settings {kind} {registered.id} -->" in section


@pytest.mark.parametrize(
    ("generator", "discriminator", "channels", "size", "latent"),
    [("dcgan", "mlp", 3, 64, 128), ("mlp", "dcgan", 4, 16, 32), ("r3gan", "r3gan", 1, 32, 64)],
)
def test_the_bundled_autoencoder_reaches_both_nets_of_any_target(
    generator: str, discriminator: str, channels: int, size: int, latent: int
) -> None:
    """From the structures alone: each net gets tensors of the source, or a loss that teaches it; the generator by auto."""
    gan = target_matrix.compose(generator, discriminator, channels, size, latent)
    auto = explain(target_matrix.source(), gan).rows
    taught = {row.net for row in explain(target_matrix.source(), gan, "feature-distill").rows}
    for net, side in (("generator", "images"), ("discriminator", "features")):
        transferred = any(row.net == net and row.origin != "fresh" for row in auto)
        assert transferred or f"losses.transfer/feature-distill/{side}" in taught, f"{net} gets nothing"
    by_auto = {row.net for row in auto if row.origin != "fresh"}
    assert by_auto & {"generator", "losses.transfer/feature-distill/images"}


def test_a_target_that_no_bridge_reaches_is_refused_with_both_shapes() -> None:
    gan = target_matrix.compose("mlp", "mlp", 3, 16, 32)
    with pytest.raises(TransferError, match="decoder's layers do not fit the generator's"):
        explain(target_matrix.source(), gan, "decoder-init")


@pytest.mark.parametrize("name", page_pictures.DIAGRAMS)
def test_the_diagrams_are_those_of_the_script_and_have_a_name(name: str) -> None:
    drawn = (DIAGRAMS / f"{name}.svg").read_text("utf-8")
    assert page_pictures.DIAGRAMS[name]() == drawn, ANEW
    assert ElementTree.fromstring(drawn).findtext("{http://www.w3.org/2000/svg}title")
