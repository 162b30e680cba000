"""FastGAN for Zoo."""
