"""What only Binance can get wrong."""

from polaris.domain.errors import BadConfig


class TooManyStreams(BadConfig):
    """More streams than one connection of Binance carries."""

    def __init__(self, wanted: int, most: int) -> None:
        super().__init__(f"binance: {wanted} streams on one connection, at most {most} are allowed: split the symbols over several connections")
