"""A release as a folder: its manifest, its files, its card. No network, no torch."""
