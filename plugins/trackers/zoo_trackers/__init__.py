"""Trackers for the runs of Zoo."""
