"""Pairwise judging against the positive control."""
