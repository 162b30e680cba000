"""Tables: cells become samples and samples cells; a CSV goes all the way to a release without a row of anyone in it."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from helpers import states_equal
from zoo_tables.columns import Column, TableConfig
from zoo_tables.fitting import OTHER, fit_table, guess_kinds
from zoo_tables.modality import Table
from zoo_tables.networks import RowGenerator
from zoo_tables.ranks import from_normal, to_normal
from zoo_tables.reading import read_table
from zoo_tables.texts import decimals_of, read_number, write_number

import zoo
from zoo.cli import zoo as command
from zoo.data.config import DataConfig
from zoo.data.modalities import modality_of
from zoo.data.open import open_data
from zoo.errors import CompositionError, ConfigError, DataError, ReleaseError, ZooError
from zoo.release.folder import read_manifest
from zoo.release.manifest import manifest_bytes, parse_manifest
from zoo.types import DataSpec, PartSpec

ROWS = 240


def write_shop(path: Path, rows: int = ROWS) -> Path:
    """Sales: numbers that depend on a category, dates, a boolean, missing cells."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["price", "count", "day", "kind", "sold"])
        for row in range(rows):
            kind = ("apple", "pear", "fig")[row % 3]
            price = f"{2 + 3 * (row % 3) + rng.normal() * 0.4:.2f}" if row % 8 else ""
            day = f"2023-{1 + row % 12:02d}-{1 + row % 28:02d}"
            writer.writerow(
                [price, int(rng.integers(1, 40)), day, kind if row % 10 else "", "yes" if row % 4 else "no"]
            )
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop.csv")


def write_cells(path: Path, **columns: list[object]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_kinds_are_inferred_and_shown(shop: Path) -> None:
    kinds = {guess.name: guess.kind for guess in guess_kinds(read_table(shop))}
    assert kinds == {
        "price": "continuous",
        "count": "integer",
        "day": "date",
        "kind": "category",
        "sold": "boolean",
    }
    shown = call("table", shop).output
    assert re.search(r"kind +category +apple, fig, pear; may be missing", shown)
    assert "240 rows" in shown


ODD = {
    "id": (list(range(1, 41)), "numbers the rows: it is a key"),
    "token": ([f"x{i * 7919 % 97}" for i in range(40)], "has another value in nearly every row: it is a key"),
    "note": ([f"the note of row {i}" for i in range(40)], "is free text"),
    "same": (["a"] * 40, "is constant ('a')"),
    "none": ([""] * 40, "is empty"),
    "endless": ([*range(5, 44), "inf"], "has infinite values"),
    "mixed": ([*[i * 1.5 for i in range(39)], "tall"], "has numbers, and 'tall' in row 40: clear such cells"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_column_that_cannot_be_learnt_is_named_with_the_reason(tmp_path: Path, name: str) -> None:
    cells, reason = ODD[name]
    path = write_cells(tmp_path / "odd.csv", **{name: cells, "good": [i % 7 for i in range(40)]})
    with pytest.raises(DataError, match=re.escape(f"odd.csv: {name} {reason}")) as caught:
        zoo.open_images(path)
    assert "zoo table odd.csv -o my.table.toml" in caught.value.hint


def test_ten_thousand_categories_are_refused_unless_the_user_says_category(tmp_path: Path) -> None:
    many = [f"c{i // 2}" for i in range(20_000)]
    path = write_cells(tmp_path / "many.csv", many=many, good=[i % 7 for i in range(20_000)])
    with pytest.raises(DataError, match="many has 10,000 categories"):
        zoo.open_images(path)
    (tmp_path / "many.table.toml").write_text('file = "many.csv"\n[columns]\nmany = "category"\n')
    with pytest.raises(DataError, match="many has one value alone"):  # each has fewer than 5 rows
        zoo.open_images(tmp_path / "many.table.toml")


def test_a_description_skips_the_odd_columns_and_can_be_edited(tmp_path: Path) -> None:
    columns = {name: cells for name, (cells, _) in ODD.items()}
    path = write_cells(tmp_path / "odd.csv", **columns, good=[i % 4 for i in range(40)], other=["u", "v"] * 20)
    description = tmp_path / "sub" / "odd.table.toml"
    description.parent.mkdir()
    assert call("table", path, "-o", description).exit_code == 0
    images = zoo.open_images(description)
    assert modality_of(images.spec).rows(images.batch(images.train[:1]))[0] == ["good", "other"]
    again = tmp_path / "again.table.toml"
    assert call("table", description, "-o", again).exit_code == 0
    assert zoo.open_images(again).spec == images.spec
    description.write_text(description.read_text().replace('"good" = "integer"', '"good" = "category"'))
    description.write_text(description.read_text().replace('license = ""', 'license = "CC0-1.0"'))
    edited = zoo.open_images(description)
    assert edited.spec.size == images.spec.size - 1 + 4
    assert edited.license == "CC0-1.0"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cells, and 2 columns"),
        ("a,a\n1,2\n", "'a' is empty or repeats"),
        ("a,\n1,2\n", "'' is empty or repeats"),
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ('a,b\n"1,2\n', "line 2"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=error):
        zoo.open_images(path)


def test_other_files_are_refused_clearly(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("a,b\nä,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"no text in UTF-8"):
        zoo.open_images(tmp_path / "latin.csv")
    with pytest.raises(DataError, match=r"there is no folder or file nothere\.csv"):
        zoo.open_images("nothere.csv")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"no plugin reads its ending \(they read \.csv, "):
        zoo.open_images(tmp_path / "a.xlsx")
    with pytest.raises(ConfigError, match="has columns"):
        open_data(DataConfig(str(write_shop(tmp_path / "shop.csv")), labels="folders"))


def test_samples_become_the_cells_that_they_were(shop: Path) -> None:
    records = read_table(shop)
    table = Table(fit_table(records, range(ROWS)))
    header, rows = table.rows(table.encode(records))
    low, high = (table.config.columns[0].quantiles[at] for at in (0, -1))
    same = 0
    for row, cells in enumerate(rows):
        read = {name: records.cells[name][row] for name in header}
        price, written = read.pop("price"), dict(zip(header, cells, strict=True))
        if price and not low <= float(price) <= high:
            price = written["price"]  # the lowest and highest values are not kept
        same += (written.pop("price"), written) == (price, read)
    assert same > 0.9 * ROWS  # count too has values beyond those that are kept


def test_values_are_fitted_to_the_rows_to_learn_from_alone(tmp_path: Path) -> None:
    value = [*[i % 50 for i in range(100)], *[1_000 + i % 9 for i in range(100)]]
    kind = [*["a", "b"] * 50, *["secret"] * 100]
    config = fit_table(read_table(write_cells(tmp_path / "t.csv", value=value, kind=kind)), range(100))
    assert max(config.columns[0].quantiles) < 50
    assert config.columns[1].categories == ("a", "b", OTHER)


def test_neither_rare_categories_nor_extreme_values_are_kept(tmp_path: Path) -> None:
    value = [*[i % 50 for i in range(400)], 99_999]
    kind = [*["a", "b"] * 200, "Mrs Smith"]
    config = fit_table(read_table(write_cells(tmp_path / "t.csv", value=value, kind=kind)), range(401))
    assert max(config.columns[0].quantiles) == 49
    assert config.columns[1].categories == ("a", "b", OTHER)


@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, 5.0], [-1e6, 0.0, 0.5, 1e9]])
def test_ranks_go_there_and_back(values: list[float]) -> None:
    column = Column("a", "continuous", tuple(values), 3)
    given = np.linspace(values[0], values[-1], 50)
    z = to_normal(column, given)
    assert np.all(np.diff(z) >= 0)
    assert np.abs(z).max() < 3.3
    assert np.allclose(from_normal(column, z.astype(np.float32).astype(np.float64)), given, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("continuous", "-1.5e3", -1500.0),
        ("continuous", "1,5", None),
        ("continuous", "0x10", None),
        ("continuous", "1_000", None),
        ("date", "1970-01-03", 2.0),
        ("date", "1970-02-30", None),
        ("time", "1970-01-01T00:01:00", 60.0),
        ("time", "1970-01-01", None),
    ],
)
def test_cells_are_read_strictly(kind: str, text: str, value: float | None) -> None:
    assert read_number(kind, text) == value


def test_values_are_written_as_the_column_has_them() -> None:
    assert [decimals_of(text) for text in ("1.50", "3", "1e-3", "2.5e1")] == [1, 0, 3, 0]
    price = Column("a", "continuous", (0.0, 9.0), 2)
    assert [write_number(price, value) for value in (1.005, -0.001, 3.0)] == ["1.00", "0.00", "3.00"]
    day = Column("a", "date", (0.0, 9.0))
    assert [write_number(day, value) for value in (1.4, -1e18, 1e18)] == ["1970-01-02", "0001-01-01", "9999-12-31"]


def test_parquet_gives_the_same_samples(shop: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.read_csv(shop)
    frame["price"] = frame["price"].astype(float)
    frame.to_parquet(tmp_path / "shop.parquet")
    ours, theirs = zoo.open_images(tmp_path / "shop.parquet"), zoo.open_images(shop)
    assert ours.sha256 == theirs.sha256


def test_new_data_must_fit_what_a_model_knows(shop: Path, tmp_path: Path) -> None:
    spec = zoo.open_images(shop).spec
    text = shop.read_text()
    for change, error in (
        (lambda t: t.replace("kind", "sort", 1), "has no column 'kind'"),
        (lambda t: t.replace("apple", "plum"), "the kind of row .* is 'plum', not one of 'apple'"),
        (lambda t: re.sub(r",\d+,", ",many,", t, count=1), "the count of row 1 is 'many', not a value"),
    ):
        (tmp_path / "new.csv").write_text(change(text))
        with pytest.raises(DataError, match=error):
            zoo.open_images(tmp_path / "new.csv", like=spec)
    with pytest.raises(ConfigError, match="holds records for tables/table, and the model takes images"):
        zoo.open_images(shop, like=DataSpec((1, 8, 8)))


def test_a_column_can_be_the_class(shop: Path) -> None:
    images = open_data(DataConfig(str(shop), labels="column:sold"))
    assert images.spec.condition is not None
    assert images.spec.condition.classes == ("no", "yes")
    column = modality_of(images.spec).rows(images.batch(torch.arange(len(images))))[1]
    assert images.labels is not None
    assert [images.spec.condition.classes[label] for label in images.labels.tolist()] == [row[4] for row in column]
    with pytest.raises(DataError, match="no column of categories 'price'"):
        open_data(DataConfig(str(shop), labels="column:price"))


WRONG = [
    {"quantiles": []},
    {"quantiles": [1.0, 0.0]},
    {"quantiles": [1.0, 1.0]},
    {"quantiles": [0.0, 1e301]},
    {"kind": "category", "quantiles": [], "categories": ["a"]},
    {"kind": "category", "quantiles": [], "categories": ["a", "a"]},
    {"kind": "category", "quantiles": [], "categories": [str(i) for i in range(1_001)]},
    {"decimals": 400},
    {"name": ""},
]


@pytest.mark.parametrize("change", WRONG)
def test_columns_of_a_stranger_are_checked(change: dict[str, object]) -> None:
    plain = {"name": "a", "kind": "continuous", "quantiles": [0.0, 1.0], **change}
    with pytest.raises(ConfigError):
        modality_of(DataSpec((1,), bounded=False, modality=PartSpec("tables/table", {"columns": [plain]})))


def test_columns_that_do_not_fit_the_samples_are_refused() -> None:
    columns = {"columns": [{"name": "a", "kind": "continuous", "quantiles": [0.0, 1.0]}]}
    spec = DataSpec((5,), bounded=False, modality=PartSpec("tables/table", columns))
    with pytest.raises(ConfigError, match="samples of 1 values, not of 5"):
        modality_of(spec)
    with pytest.raises(CompositionError, match="the columns take 1 values, and samples have 5"):
        zoo.autoencoder("tables/rows", data=spec)
    with pytest.raises(CompositionError, match=r"is for rows of a table, not images"):
        zoo.autoencoder("tables/rows", shape=(1, 8, 8))
    with pytest.raises(ConfigError, match=r"take .* bytes to describe"):
        TableConfig(
            tuple(
                Column(f"c{i}", "category", categories=tuple(f"{i} {'x' * 90} {j}" for j in range(100)))
                for i in range(20)
            )
        )


def test_generated_rows_are_rows_as_real_ones_with_gradients_of_the_shares(shop: Path) -> None:
    spec = zoo.open_images(shop).spec
    decoder = zoo.autoencoder("tables/rows", data=spec, code_shape=4, seed=0).decoder
    assert isinstance(decoder, RowGenerator)
    rows = decoder(torch.randn(50, 4))
    for block in decoder.blocks:
        if block.kind == "choice":
            part = rows[:, block.start : block.start + block.width]
            assert torch.equal(part.round(), part.detach().round())
            assert torch.allclose(part.sum(1), torch.ones(50))
            assert set(part.detach().round(decimals=4).flatten().tolist()) <= {0.0, 1.0}
    rows.square().sum().backward()
    assert decoder.last.weight.grad is not None
    assert decoder.last.weight.grad.abs().sum(1).min() > 0


def test_figures_tell_copies_and_memory_from_new_rows(shop: Path) -> None:
    images = zoo.open_images(write_shop(shop, 600), held_out=0.5)
    table = modality_of(images.spec)
    train, real = images.batch(images.train), images.batch(images.held_out)
    copies = table.figures(train, real, train)
    assert copies["copied"][0] == 1
    assert copies["nearer_to_learnt"][0] > 0.9
    assert copies["membership_advantage"][0] > 0.9
    fresh = table.figures(real, real, train)
    assert fresh["shape_error"][0] == 0
    assert fresh["copied"][0] == copies["copied"][1] < 0.1
    noise = table.figures(torch.randn(300, table.width), real, train)
    assert noise["shape_error"][0] > 2 * copies["shape_error"][1]
    assert abs(noise["membership_advantage"][0]) < 0.2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, the run of an autoencoder, that of a GAN transferred from it, and its release."""
    folder = tmp_path_factory.mktemp("tables")
    data = write_shop(folder / "shop.csv")
    few = ("--set", "checkpoint_every=200", "--batch", "40")
    for arguments in (
        ("train", "autoencoder", "--data", data, "--images", 4_000, "--out", folder / "autoencoder", *few),
        ("transfer", folder / "autoencoder", "--data", data, "--images", 400, "--out", folder / "gan", *few),
        ("release", folder / "gan", folder / "release", "--license", "CC0-1.0", "--name", "tables.shop"),
    ):
        result = call(*arguments)
        assert result.exit_code == 0, result.output
    return folder


def test_a_table_goes_all_the_way_to_a_release_that_makes_the_same_rows(place: Path) -> None:
    assert call("verify", place / "release").exit_code == 0
    for name in ("gan", "release"):
        assert call("sample", place / name, "-n", 30, "-o", place / f"{name}.csv").exit_code == 0
    assert (place / "gan.csv").read_text() == (place / "release.csv").read_text()
    run, release = zoo.open_run(place / "gan"), zoo.load(place / "release")
    assert states_equal(run.gan, release.gan)
    names = {part.component for part in run.recipe.transfer.strategies}
    assert names == {"transfer/decoder-init", "transfer/encoder-init", "transfer/gaussian-prior"}
    rows = list(csv.DictReader((place / "gan.csv").open()))
    assert len(rows) == 30
    assert {row["kind"] for row in rows} <= {"apple", "pear", "fig", ""}
    again = zoo.open_images(place / "gan.csv", like=release.gan.output)
    assert len(again) == 30


def test_a_run_of_a_table_is_resumed_exactly(place: Path, tmp_path: Path) -> None:
    for name in ("autoencoder", "gan"):
        copy = tmp_path / name
        shutil.copytree(place / name, copy)
        newest = max((copy / "checkpoints").glob("[0-9]*"))
        assert len(list((copy / "checkpoints").glob("[0-9]*"))) > 1
        newest.unlink() if newest.is_file() else shutil.rmtree(newest)
        resumed, whole = zoo.resume(copy), zoo.open_run(place / name)
        assert resumed.shown == whole.shown
        assert states_equal(resumed.gan or resumed.autoencoder, whole.gan or whole.autoencoder)


def test_a_release_holds_no_row_of_anyone(place: Path) -> None:
    release = zoo.load(place / "release")
    images = zoo.open_images(place / "shop.csv", like=release.gan.output)
    from safetensors.torch import load_file

    real = {tuple(row.tolist()) for row in images.batch(torch.arange(len(images)))}
    kept = load_file(place / "release" / "vectors.safetensors")["x"]
    assert not any(tuple(row.tolist()) in real for row in kept)
    text = "".join(
        path.read_text() for path in (place / "release").iterdir() if path.suffix in (".json", ".toml", ".md")
    )
    days = [row["day"] for row in csv.DictReader((place / "shop.csv").open())]
    assert sum(day in text for day in set(days)) <= 10  # of 84 days: bounds, a middle, and samples on the card


def test_the_card_shows_rows_columns_and_privacy(place: Path, tmp_path: Path) -> None:
    card = (place / "release" / "README.md").read_text()
    assert "| price | count | day | kind | sold |" in card
    assert re.search(r"\| kind \| category \| apple, fig, pear; may be missing \|", card)
    result = call(
        "evaluate",
        place / "release",
        "--data",
        place / "shop.csv",
        "-n",
        100,
        "--write",
        tmp_path / "b",
        "--version",
        "0.2.0",
    )
    assert result.exit_code == 0, result.output
    card = (tmp_path / "b" / "README.md").read_text()
    assert "| price | count | day | kind | sold |" in card
    assert all(name in card for name in ("shape\\_error", "membership\\_advantage", "copied", "nearer\\_to\\_learnt"))
    assert call("verify", tmp_path / "b").exit_code == 0


def test_rows_are_drawn_by_any_condition(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    result = call("sample", place / "release", "--where", "kind=fig", "--where", "count>=10", "-n", 20, "-o", out)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 20
    assert all(row["kind"] == "fig" and int(row["count"]) >= 10 for row in rows)
    gan = zoo.load(place / "release").gan
    fewer = gan.sample(5, where=("kind=fig", "count>=10"))
    table = modality_of(gan.output)
    assert [list(row) for row in table.rows(fewer)[1]] == [list(row.values()) for row in rows[:5]]


@pytest.mark.parametrize(
    ("where", "error", "hint"),
    [
        ("knd=fig", "there is no column 'knd'", "kind"),
        ("kind=figs", "kind is never 'figs'", "fig"),
        ("kind>fig", "kind has no order", "= or !="),
        ("count=many", "'many' is no value of count (integer)", "cut=Ideal"),
        ("count>=9000", "in what was learnt", "cut=Ideal"),
        ("day<2001-01-01", "in what was learnt", "cut=Ideal"),
        ("count", "is no condition", "cut=Ideal"),
    ],
)
def test_a_condition_that_none_can_satisfy_is_refused(place: Path, where: str, error: str, hint: str) -> None:
    result = call("sample", place / "release", "--where", where, "-o", place / "none.csv")
    assert result.exit_code != 0
    assert isinstance(result.exception, ZooError)
    assert error in result.exception.message
    assert hint in result.exception.hint


def test_conditions_that_too_few_satisfy_end_with_the_share(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zoo.networks.conditions_on_output as drawing

    monkeypatch.setattr(drawing, "_MOST", 500)
    monkeypatch.setattr(drawing, "_HOPELESS", 500)
    gan = zoo.load(place / "release").gan
    with pytest.raises(ConfigError, match=r"of 768 samples satisfy count=1 and kind=fig and sold=no, and 700"):
        gan.sample(700, where=("count=1", "kind=fig", "sold=no"))
    with pytest.raises(ConfigError, match="conditions are on columns, and samples are images"):
        zoo.gan("dcgan", shape=(1, 16, 16)).sample(3, where=("a=1",))
    with pytest.raises(ConfigError, match="draws until enough samples fit"):
        gan.sample(2, [3, 4], where=("kind=fig",))


def test_files_of_samples_have_the_endings_of_the_modality(place: Path) -> None:
    result = call("sample", place / "release", "-o", place / "rows.png")
    assert "is no .csv or .tsv" in result.exception.message
    result = call("reconstruct", place / "gan", "--data", place / "shop.csv", "-n", 5, "-o", place / "pairs.csv")
    assert result.exit_code == 0, result.output
    assert len((place / "pairs.csv").read_text().splitlines()) == 11


def test_manifests_of_images_do_not_mention_a_modality(place: Path) -> None:
    from zoo.registry.index import open_release

    folder, manifest = open_release("dcgan.mnist5k")
    assert manifest_bytes(manifest) == (folder / "zoo.json").read_bytes() or b"modality" not in manifest_bytes(manifest)
    table = read_manifest(place / "release")
    assert parse_manifest(manifest_bytes(table), "x") == table
    assert table.data.modality is not None


def test_a_release_whose_columns_lie_is_refused(place: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    copy = tmp_path / "copy"
    shutil.copytree(place / "release", copy)
    manifest = read_manifest(copy)
    columns = manifest.data.modality.config["columns"]  # type: ignore[union-attr]
    fewer = replace(manifest.data, modality=PartSpec("tables/table", {"columns": columns[:-1]}))
    (copy / "zoo.json").write_bytes(manifest_bytes(replace(manifest, data=fewer)))
    with pytest.raises((ReleaseError, CompositionError), match="the columns take"):
        zoo.load(copy)


def test_the_core_knows_no_table() -> None:
    root = Path(zoo.__file__).parent
    for path in root.rglob("*.py"):
        assert "zoo_tables" not in path.read_text("utf-8"), path
        assert "tables/table" not in path.read_text("utf-8"), path
