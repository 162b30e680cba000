"""A GAN of labelled images, a plugin for Zoo."""
