"""`python -m mallku`."""

from mallku.cli import main

if __name__ == "__main__":
    main()
