"""diffusers' pretrained autoencoders as Zoo autoencoders."""
