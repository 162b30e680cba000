"""Every family of cases."""

from __future__ import annotations

from attack.api import API
from attack.directions import DIRECTIONS
from attack.records import RECORDS
from attack.releases import MANIFESTS, RELEASES
from attack.runs import CACHES, CHECKPOINTS
from attack.samples import ARRAYS, IMAGES
from attack.servers import PAGES, SERVERS
from attack.texts import LABELS, RECIPES, REGISTRIES
from attack.values import VALUES

__all__ = ["FAMILIES"]

FAMILIES = {
    family.name: family
    for family in (
        RELEASES,
        MANIFESTS,
        REGISTRIES,
        LABELS,
        IMAGES,
        ARRAYS,
        RECIPES,
        CHECKPOINTS,
        CACHES,
        VALUES,
        SERVERS,
        PAGES,
        API,
        RECORDS,
        DIRECTIONS,
    )
}
