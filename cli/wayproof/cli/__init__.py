"""The `wayproof` command, and the services it can start on a machine that has none."""
