"""Market: rows become one top of book an update, with the ten best levels beside it."""

from polaris.desk.market.depth import Market

__all__ = ["Market"]
