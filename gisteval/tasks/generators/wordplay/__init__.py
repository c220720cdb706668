"""The bundled task: short instructions about short word lists, with exact answers.

The content (vocabulary, phrasing, splits) is data under ``tasks/wordplay``; this package turns it
into training examples and evaluation splits.
"""
