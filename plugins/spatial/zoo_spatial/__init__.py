"""Autoencoders whose codes keep their place."""
