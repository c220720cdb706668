"""Scoring of a run: values of each output, columns of each system, comparisons, and result rows."""
