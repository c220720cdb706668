"""The stages of a run, and the only writer of a run folder."""
