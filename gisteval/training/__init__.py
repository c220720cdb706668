"""Training of gist checkpoints and their controls."""
