"""FastGAN and a network of coordinates, a plugin for Zoo."""
