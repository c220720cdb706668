"""Models: checkpoints on disk, their text, and running them behind compressed prompts."""
