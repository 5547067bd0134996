"""Tasks and their tables: where they are found, how they are read, and what they say in words."""
