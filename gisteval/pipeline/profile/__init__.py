"""Profiling a suite, a model or a shape: FLOPs, time and memory."""
