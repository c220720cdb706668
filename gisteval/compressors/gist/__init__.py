"""Gist tokens."""
