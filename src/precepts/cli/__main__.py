"""`python -m precepts.cli`."""

from precepts.cli import main

main()
