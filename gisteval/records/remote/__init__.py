"""Runs in an object store: a folder on this machine that is kept equal to the bucket."""
