"""A run to look at: one HTML page, and plots for a paper."""
