"""Helpers that know nothing of autoencoders and GANs."""
