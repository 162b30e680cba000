"""Residual, normalisation-free networks after R3GAN for Zoo."""
