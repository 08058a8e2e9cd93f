"""`python -m flows` is the command `flowstill`."""

from flows.cli import main

main()
