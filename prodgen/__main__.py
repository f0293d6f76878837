"""`python -m prodgen` is the command line."""

from prodgen.cli import main

if __name__ == "__main__":
    main()
