"""A diagnosis as tables, figures and a page."""
