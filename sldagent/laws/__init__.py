"""Law families, fits, uncertainty and decisions; every form is written by feature role."""
