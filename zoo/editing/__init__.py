"""Images as codes of a release: inversion, directions in code space, filling."""
