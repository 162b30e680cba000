"""The gallery: what the registries name, as pages that need nothing but themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import zoo_spatial
import zoo_starter
from helpers import autoencoder, released
from zoo_ui.gallery import gallery

from zoo.errors import DataError
from zoo.registry.edit import add
from zoo.release.folder import read_manifest
from zoo.release.manifest import Lineage, manifest_bytes
from zoo.report.diagram import transfer_diagram
from zoo.types import Origin


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of a GAN's release, as a layer beside the bundled ones."""
    file = tmp_path / "lab.toml"
    add(str(released(tmp_path / "release")), file)
    monkeypatch.setenv("ZOO_REGISTRY", str(file))
    return file


def test_every_release_has_a_card_with_samples_figures_license_and_command(lab: Path, tmp_path: Path) -> None:
    pages = gallery(tmp_path / "site")
    assert [page.name for page in pages][:3] == ["index.html", "strategies.html", "results.html"]
    assert "model-dcgan.blobs.html" in {page.name for page in pages}
    text = pages[0].read_text("utf-8")
    for part in ("dcgan.glyphs-sans32", "OFL-1.1 AND Apache-2.0", "Debian", "<code>zoo pull dcgan.blobs</code>"):
        assert part in text
    bundled = sum(
        len(list((Path(plugin.__file__).parent / "releases").iterdir())) for plugin in (zoo_starter, zoo_spatial)
    )
    assert text.count('src="data:image/png;base64,') == bundled  # the other release's samples.png is no picture
    assert "0.2000 to 0.3000" in text
    assert "0.2000 to 0.3000" in pages[2].read_text("utf-8")


def test_the_pages_ask_for_nothing_from_outside(lab: Path, tmp_path: Path) -> None:
    pages = gallery(tmp_path / "site")
    files = {page.name for page in pages}
    for page in pages:
        text = page.read_text("utf-8")
        for address in re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')> ]+)""", text):
            assert address.startswith(("data:", "#")) or address.partition("#")[0] in files, address
        assert "default-src 'none'" in text


def test_a_release_that_is_not_here_is_named_without_a_picture(lab: Path, tmp_path: Path) -> None:
    facts = 'version = "1.0.0"\nparts = ["gan"]\ncode_shape = [6]\nlicense = "MIT"\ndata = { shape = [1, 8, 8] }\n'
    entry = f'\n[models."far.away"]\nsource = "hub:ann/away@{"a" * 40}"\nmanifest = "sha256:{"0" * 64}"\n{facts}'
    lab.write_text(lab.read_text() + entry)
    text = gallery(tmp_path / "site")[0].read_text("utf-8")
    assert "zoo pull far.away" in text
    assert "Not on the machine that made this page" in text


def test_lineage_leads_from_the_autoencoder_over_its_strategies_to_the_gan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, weights = released(tmp_path / "release"), "1" * 64
    source = Origin("dcgan.glyphs-sans32", "1.0.0", f"sha256:{'0' * 64}")
    row = {"net": "generator", "tensor": "a", "origin": "copied", "state": "trained", "how": "decoder.a"}
    lineage = Lineage("transfer/decoder-init+transfer/gmm-prior", 6400, weights, source, (row,))
    (folder / "zoo.json").write_bytes(manifest_bytes(replace(read_manifest(folder), lineage=lineage)))
    add(str(folder), tmp_path / "lab.toml")
    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "lab.toml"))
    text = gallery(tmp_path / "site")[0].read_text("utf-8")
    drawn = text[text.index('<ol class="lineage"') : text.index("</ol>")]
    assert re.findall(r"#([a-z0-9.-]+)", drawn) == ["dcgan.glyphs-sans32", "decoder-init", "gmm-prior"]
    assert drawn.rstrip().endswith("<span>dcgan.blobs</span></li>")
    assert 'Transferred to: <a href="#dcgan.blobs">' in text
    assert "6,400 images shown" in text
    own = (tmp_path / "site" / "model-dcgan.blobs.html").read_text("utf-8")
    assert "<svg" in own
    assert "<code>zoo sample dcgan.blobs -n 16 --seed 0 -o samples.png</code>" in own


def test_every_strategy_has_its_words_settings_and_command(lab: Path, tmp_path: Path) -> None:
    from zoo import plugins

    text = gallery(tmp_path / "site")[1].read_text("utf-8")
    for offer in plugins.components("transfer"):
        assert f'id="{offer.component.name}"' in text
    assert "warmup_images" in text
    assert "BAGAN" in text


def test_a_table_is_shown_and_its_strangers_are_escaped(lab: Path, tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    table.write_text("arm,kid\n<script>alert(1)</script>,0.25\n")
    text = gallery(tmp_path / "site", results=table)[2].read_text("utf-8")
    assert "<td>0.25</td>" in text
    assert "<script>alert" not in text
    table.write_text("arm,kid\nonly one\n")
    with pytest.raises(DataError, match="not as long as its head"):
        gallery(tmp_path / "site", results=table)


def test_the_picture_of_a_transfer_has_a_cell_a_tensor_and_an_arrow_a_source() -> None:
    import zoo
    from zoo.transfers.apply import explain

    ae = autoencoder(device="meta")
    report = explain(ae, zoo.gan(like=ae, device="meta"), "decoder-init+encoder-init")
    drawn = transfer_diagram(report.plain(), report.strategy)
    assert drawn.count("<title>") == len(report.rows)
    assert ">decoder</text>" in drawn
    assert ">encoder</text>" in drawn
    assert f"{report.count('generator')['copied']} copied" in drawn
    assert "<script" not in transfer_diagram(
        [{"net": "<script>", "tensor": "a", "origin": "fresh", "state": "trained", "how": ""}]
    )


def test_runs_are_shown_before_and_after(lab: Path, images_file: Path, tmp_path: Path) -> None:
    import zoo

    zoo.train(
        zoo.gan(like=autoencoder()), str(images_file), images=32, out=tmp_path / "runs" / "mine", training={"batch": 16}
    )
    pages = {page.name: page for page in gallery(tmp_path / "site", runs=tmp_path / "runs")}
    text = pages["runs.html"].read_text("utf-8")
    assert "finished, 32 of 32 images shown, scratch" in text
    assert 'alt="Newest samples of mine"' in text
    assert 'href="runs.html"' in pages["index.html"].read_text("utf-8")
    assert 'href="runs.html"' not in gallery(tmp_path / "other")[0].read_text("utf-8")
