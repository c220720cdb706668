"""Judging a run folder."""
