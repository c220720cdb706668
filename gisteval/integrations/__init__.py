"""Integrations with other evaluation harnesses."""
