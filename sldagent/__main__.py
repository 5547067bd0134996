"""`python -m sldagent` is the command line."""

from sldagent.cli import main

main()
