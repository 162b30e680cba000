"""The autoencoders of diffusers, a plugin for Zoo."""
