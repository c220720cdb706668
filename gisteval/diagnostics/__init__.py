"""What compression loses, where, and whether gists are healthy: a module a measure.

Each measure yields the values of single examples, or of single instructions. Means, intervals and verdicts
are made of them by `gisteval.scores.diagnosed`.
"""
