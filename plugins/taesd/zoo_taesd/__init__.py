"""TAESD and its family as Zoo autoencoders."""
