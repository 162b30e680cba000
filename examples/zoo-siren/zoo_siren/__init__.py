"""A network of coordinates, a plugin for Zoo."""
