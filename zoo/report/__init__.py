"""Plots and pictures made from measured facts. Drawing libraries are imported when something is drawn."""
