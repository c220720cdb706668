"""Evaluating suites on the splits of a task."""
