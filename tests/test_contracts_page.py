"""The page of the contracts: one section and one picture each, with the calls that the base classes have."""

from __future__ import annotations

import inspect
import re

import pytest
from contract_pictures import CONTRACTS, contract_picture
from generated_docs import CONTRACTS as PICTURES, DOCS
from torch import nn

import zoo.plugin
from zoo.types import KINDS

PAGE = (DOCS / "contracts.md").read_text("utf-8")


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_picture_shows_the_calls_of_todays_base_class(name: str) -> None:
    base = getattr(zoo.plugin, CONTRACTS[name].base)
    for call in CONTRACTS[name].calls:
        member, _, arguments = call.name.rstrip(")").partition("(")
        function = getattr(base, member, None)
        if function is None:
            assert member in base.__annotations__, f"{base.__name__} has no {member}"
        elif function is not nn.Module.forward:
            known = [argument for argument in inspect.signature(function).parameters if argument != "self"]
            assert known == [word for word in arguments.split(", ") if word]
    assert (PICTURES / f"{name}.svg").read_text("utf-8") == contract_picture(name), "python tests/generated_docs.py"


def test_every_contract_has_a_section_with_picture_calls_conditions_and_randomness() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) == len(CONTRACTS)
    for name, section in zip(CONTRACTS, sections, strict=True):
        assert f"(images/contracts/{name}.svg)" in section
        assert re.findall(r"^- (\w+): ", section, re.MULTILINE) == ["Called", "Conditions", "Deterministic"], name


def test_every_kind_of_component_has_a_contract() -> None:
    assert {contract.built.partition("(")[0] for contract in CONTRACTS.values()} > set(KINDS)
