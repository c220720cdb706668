"""Compressors that keep some of a prompt's slots, in each layer and key-value head others."""
