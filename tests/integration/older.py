"""A node as a program would run it that has nothing but version 1 of the state machine."""

from coordsvc.cli.main import main
from coordsvc.state import versions

if __name__ == "__main__":
    versions.NEWEST = 1
    main()
