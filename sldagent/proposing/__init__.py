"""Turns parents into new programs."""
