"""DCGAN networks for Zoo: square images from 8 to 256 px."""
