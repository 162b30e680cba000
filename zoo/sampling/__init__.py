"""Samples of a GAN as training data: a data set for torch, a folder of files, rejection of the worse ones."""
