"""timm's backbones as Zoo encoders."""
