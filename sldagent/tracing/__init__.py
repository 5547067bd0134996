"""Runs a program's law on symbols instead of numbers, inside the sandbox.

Loaded there by path, as a package that knows nothing of sldagent: hence the relative imports.
"""
