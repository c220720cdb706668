"""Predictions and verdicts made elsewhere, as records. Reads files, writes none."""
