"""Compares ways of searching: tasks × arms × seeds, beside published forms and numbers.

plan: cells of a comparison -> runner: a run for every cell, its best program judged once
-> report: means and spreads as Markdown and JSON
"""
