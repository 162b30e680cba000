"""Plots and diagrams from plain data. Drawing libraries are imported when something is drawn."""
