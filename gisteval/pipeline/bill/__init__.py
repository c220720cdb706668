"""`gisteval bill`: what a usage log costs, and would cost in other ways."""
