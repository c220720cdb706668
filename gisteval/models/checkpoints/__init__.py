"""Checkpoints: finding, checking, loading and placing them."""
