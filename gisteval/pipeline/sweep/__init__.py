"""Sweeps, which are runs over a grid of settings."""
