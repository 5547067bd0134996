"""The judge: runs programs in the sandbox and scores what comes back."""
