"""EfficientNet-Lite0 as a feature space and as an encoder."""
