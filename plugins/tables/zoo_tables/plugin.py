"""The components of zoo-tables. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.plugin import Component, hook

ZOO_API = 2


@hook
def zoo_components() -> Iterable[Component]:
    """The modality of tables, networks of rows, and an objective with a loss for each column."""
    return [
        Component(
            "modality",
            "table",
            "zoo_tables.modality:Table",
            "zoo_tables.columns:TableConfig",
            "rows of a CSV or parquet file",
            cases="zoo_tables.cases:tables",
            suffixes=(".csv", ".tsv", ".parquet", ".table.toml"),
        ),
        Component(
            "encoder",
            "rows",
            "zoo_tables.networks:RowEncoder",
            "zoo_tables.config:RowEncoderConfig",
            "dense layers over a row",
            cases="zoo_tables.cases:networks",
        ),
        Component(
            "generator",
            "rows",
            "zoo_tables.networks:RowGenerator",
            "zoo_tables.config:RowGeneratorConfig",
            "dense layers to a row: numbers, and shares of categories",
            cases="zoo_tables.cases:networks",
        ),
        Component(
            "objective",
            "rows",
            "zoo_tables.objective:RowLoss",
            "zoo_tables.config:RowLossConfig",
            "autoencoder: squared error of numbers, cross-entropy of categories",
            cases="zoo_tables.cases:objectives",
        ),
    ]
