"""From the observations of a diagnosis to rows with intervals and findings: a module a measure."""
