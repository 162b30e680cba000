"""A site of everything that the registries name: plain files, no server, no request to anywhere."""

from __future__ import annotations

from zoo.gallery.site import gallery

__all__ = ["gallery"]
