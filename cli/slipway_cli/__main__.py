"""`python -m slipway_cli` is `slipway`."""

from slipway_cli.app import main

if __name__ == "__main__":
    main()
