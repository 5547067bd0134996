"""Training runs for our own tables: small byte-level language models over a designed grid."""
