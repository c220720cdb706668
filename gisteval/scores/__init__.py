"""Per-example values of a run: read from its folder, lined up, compared, and summed up in result rows."""
