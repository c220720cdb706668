"""Where a run's work is done: in this process, or by workers on a Ray cluster. Nothing here writes."""
