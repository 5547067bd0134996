"""Runs other people's numerical code where it can reach nothing but its own numbers."""
