"""Predictions and releases made elsewhere, as run folders."""
