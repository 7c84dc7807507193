"""The front door: settings, the command line, and the running desk. Everything is put together here and nowhere else."""
