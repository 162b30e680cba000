"""Releases over HTTP: sample, encode, decode, reconstruct, invert and edit, with an OpenAPI description."""
