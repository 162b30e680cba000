"""A plugin for Zoo."""
