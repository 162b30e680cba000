"""Releases over HTTP: sample, encode, decode and reconstruct, with an OpenAPI description."""
