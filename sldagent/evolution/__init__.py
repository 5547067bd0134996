"""The search loop and its strategies; knows protocols, nothing concrete."""
