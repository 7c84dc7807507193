"""The deterministic core: rows in, orders out; no clock, no socket, no disk, no dice. `pipeline` is the whole desk on one page."""
