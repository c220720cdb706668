"""Compressors that keep a part of the prompt's tokens, which run again."""
