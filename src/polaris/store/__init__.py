"""What people query: the orders, fills, refusals, equity and runs of a log as SQL tables. A projection, never the truth."""
