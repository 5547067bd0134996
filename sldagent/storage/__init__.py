"""The lineage database: one SQLite file a run, written by the driver only."""
