"""A strategy with a timed phase, a plugin for Zoo."""
