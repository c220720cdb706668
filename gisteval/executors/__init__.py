"""Executors, which do a run's work in this process or on a Ray cluster. They write no files."""
