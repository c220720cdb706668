"""Models at work: the two architectures, their states and caches."""
