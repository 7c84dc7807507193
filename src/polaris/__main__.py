"""`python -m polaris` is the command line."""

from polaris.app.cli import main

main()
