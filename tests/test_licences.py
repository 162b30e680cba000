"""A release's licence keeps the terms of everything that it was made from, or the release is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import released

import zoo
from zoo.errors import ReleaseError
from zoo.release.licences import check_terms
from zoo.release.names import license_alternatives
from zoo.training.image_sample import ImageSample
from zoo.training.terms import licences_of

CONFLICTS = [
    # release, source, the term that is not kept, a licence that would do
    ("MIT", "CC-BY-SA-3.0", "share alike", "CC-BY-SA-3.0"),
    ("CC-BY-SA-3.0", "CC-BY-SA-4.0", "share alike", "CC-BY-SA-4.0"),
    ("Apache-2.0", "CC-BY-NC-4.0", "commercial", "CC-BY-NC-4.0"),
    ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "share alike", "CC-BY-NC-SA-4.0"),
    ("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0", "share alike", "CC-BY-SA-4.0"),
    ("CC-BY-SA-4.0 AND CC-BY-NC-4.0", "CC-BY-SA-4.0", "further terms", "CC-BY-SA-4.0"),
    ("MIT OR CC-BY-NC-4.0", "CC-BY-NC-4.0", "commercial", "CC-BY-NC-4.0"),
    ("MIT", "GPL-3.0-or-later", "share alike", "GPL-3.0-or-later"),
    ("GPL-3.0-only", "GPL-2.0-only", "share alike", "GPL-2.0-only"),
    ("GPL-3.0-only", "AGPL-3.0-only", "share alike", "AGPL-3.0-only"),
    ("MIT", "ODbL-1.0 AND MIT", "share alike", "ODbL-1.0"),
    ("MIT", "(CC-BY-SA-4.0 OR CC-BY-NC-4.0) AND MIT", "share alike", "CC-BY-SA-4.0"),
    ("MIT", "LicenseRef-lab", "licence of its own", "LicenseRef-lab"),
    ("MIT", "PolyForm-Noncommercial-1.0.0", "commercial", "PolyForm-Noncommercial-1.0.0"),
]

AGREEING = [
    ("CC-BY-SA-3.0", "CC-BY-SA-3.0"),
    ("CC-BY-SA-4.0", "CC-BY-SA-3.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("MIT", "Apache-2.0 AND CC-BY-4.0 AND CC0-1.0"),
    ("MIT", "GPL-3.0-only OR MIT"),
    ("GPL-3.0-or-later", "GPL-2.0-or-later"),
    ("CC-BY-NC-4.0 AND MIT", "CC-BY-NC-4.0"),
    ("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"),
    ("MIT AND LicenseRef-lab", "LicenseRef-lab"),
    ("OFL-1.1 AND Apache-2.0", "OFL-1.1"),
]


@pytest.mark.parametrize(("license", "source", "term", "does"), CONFLICTS)
def test_a_conflict_is_refused_with_its_term_and_a_licence_that_does(
    license: str, source: str, term: str, does: str
) -> None:
    with pytest.raises(ReleaseError, match=term) as refusal:
        check_terms(license, {"the source": source})
    assert str(refusal.value.hint).startswith(f"Release it under {does}")
    check_terms(does, {"the source": source})


@pytest.mark.parametrize(("license", "source"), AGREEING)
def test_licences_that_agree_are_not_refused(license: str, source: str) -> None:
    check_terms(license, {"the source": source, "another": ""})


@pytest.mark.parametrize(
    "sources",
    [
        ("CC-BY-ND-4.0",),
        ("CC-BY-NC-ND-4.0",),
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"),
        ("GPL-3.0-only", "CC-BY-SA-3.0"),
    ],
)
def test_where_no_licence_keeps_all_terms_it_says_so(sources: tuple[str, ...]) -> None:
    stated = {f"source {number}": terms for number, terms in enumerate(sources)}
    for license in ("MIT", *sources):
        with pytest.raises(ReleaseError) as refusal:
            check_terms(license, stated)
        assert "No licence keeps the terms of all" in str(refusal.value.hint)


def test_and_binds_tighter_than_or() -> None:
    assert license_alternatives("A OR B AND (C OR D)") == [{"A"}, {"B", "C"}, {"B", "D"}]


def test_hostile_expressions_are_bounded() -> None:
    many = " AND ".join("(A OR B)" for _ in range(12))
    with pytest.raises(ReleaseError, match="too many"):
        license_alternatives(many)


def test_a_pair_keeps_the_terms_of_its_source(tmp_path: Path, images_file: Path) -> None:
    """From the release's load through the run's recipe to the release of the GAN, over a run in between."""
    source = zoo.load(released(tmp_path / "source", license="CC-BY-NC-4.0")).autoencoder
    assert source is not None
    assert source.license == "CC-BY-NC-4.0"
    adapted = zoo.train(source, str(images_file), out=tmp_path / "adapted", images=32, training={"batch": 16})
    transferred = zoo.transfer(adapted.autoencoder, strategy="decoder-init")
    run = zoo.train(transferred, str(images_file), out=tmp_path / "run", images=32, training={"batch": 16})
    assert run.recipe.transfer is not None
    assert run.recipe.transfer.license == "CC-BY-NC-4.0"
    with pytest.raises(ReleaseError, match=r"the source .*forbids commercial use"):
        zoo.open_run(tmp_path / "run").release(tmp_path / "release", license="MIT")
    assert not (tmp_path / "release").exists()
    assert run.release(tmp_path / "release", license="CC-BY-NC-4.0").license == "CC-BY-NC-4.0"


def test_a_run_keeps_the_terms_of_the_runs_before_it(tmp_path: Path, images_file: Path) -> None:
    source = zoo.load(released(tmp_path / "source", license="CC-BY-SA-4.0")).autoencoder
    assert source is not None
    zoo.train(source, str(images_file), out=tmp_path / "adapted", images=32, training={"batch": 16})
    run = zoo.open_run(tmp_path / "adapted")
    recipe = replace(
        run.recipe, autoencoder=replace(run.recipe.autoencoder, license="", origin=None, trained_by=run.recipe)
    )
    sample = ImageSample("blobs", "", "", recipe.data.spec, None)
    assert list(licences_of(recipe, sample).values()) == ["CC-BY-SA-4.0"]
