"""A static site of all releases that the registries name: plain files, no server, no request to anywhere."""

from __future__ import annotations

from zoo_ui.gallery.site import gallery

__all__ = ["gallery"]
