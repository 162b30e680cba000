"""What autoencoders and GANs minimise."""
