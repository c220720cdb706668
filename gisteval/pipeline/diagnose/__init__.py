"""`gisteval diagnose`: passes over the systems of a run, or of a model, that say what compression loses."""
