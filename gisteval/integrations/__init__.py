"""Doors of other harnesses."""
