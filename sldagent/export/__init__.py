"""A run's winner as something to take along: a law with frozen constants, its card, plots."""
