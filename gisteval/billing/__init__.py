"""What a usage log costs under dated prices, served in several ways."""

GENAI = "genai-prices"
"""Stands for that package's own sheet of prices. Defined here, since a command's help names it."""
