"""Measuring what a transfer gains: a suite of paired runs, its table, and the report of it."""
