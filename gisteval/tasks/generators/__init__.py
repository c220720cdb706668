"""Generators of tasks, which yield the items of splits."""
