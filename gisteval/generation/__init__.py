"""Batching, answering and the self-check: from a system and examples to answers."""
