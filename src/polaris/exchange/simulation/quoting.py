"""Where a market maker quotes who minds his inventory.

Source: Avellaneda and Stoikov (2008), High-frequency trading in a limit order book, Quantitative Finance 8(3), (29) and (30).
"""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import log


@kernel
def term_of(aversion, decay):  # type: ignore[no-untyped-def]
    """(2 / aversion) ln(1 + aversion / decay): the spread that fills pay best, before risk. aversion / decay up to 1e6."""
    return 2.0 / aversion * log(1.0 + aversion / decay)


@inlined
def quotes(value, inventory, aversion, variance_left, term):  # type: ignore[no-untyped-def]
    """(bid, ask), in the unit of `value`.

    value          what one unit is worth
    inventory      units held, below 0 short
    aversion       to risk, 1 / (money)
    variance_left  of the value until the horizon: sigma**2 (T - t)
    term           term_of(aversion, decay of the fills' intensity with distance)
    """
    reserve = value - inventory * aversion * variance_left
    half = 0.5 * (aversion * variance_left + term)
    return reserve - half, reserve + half
