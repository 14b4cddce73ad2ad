"""`python -m headworks` is the command `headworks`."""

from headworks.cli import main

if __name__ == "__main__":
    main()
