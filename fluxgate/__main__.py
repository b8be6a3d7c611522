"""`python -m fluxgate`."""

from fluxgate.cli import main

if __name__ == "__main__":
    main()
