"""`python -m engine`: the container's entry point."""

from engine.supervisor import main

if __name__ == "__main__":
    main()
