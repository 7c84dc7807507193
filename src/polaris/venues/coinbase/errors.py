"""What only Coinbase can get wrong."""

from polaris.domain.errors import BadConfig


class SharedBook(BadConfig):
    """A product whose book is published under another product's name."""

    def __init__(self, product: str, book: str) -> None:
        super().__init__(f"coinbase {product} trades in the book of {book}, and its market data comes under that name: use {book}")
