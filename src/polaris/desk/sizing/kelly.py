"""Fractional Kelly on the posterior mean, a volatility target, and costs as a no-trade band.

Kelly's stake of a return with mean m and variance s^2 is m / s^2 of equity. We never know m: the forecast is shrunk by
its confidence first, and the stake is a fraction of the Kelly stake of that posterior mean, never above it. A forecast
that does not pay its own cost changes nothing.
Source: Kelly (1956); Thorp (2006), The Kelly Criterion in Blackjack, Sports Betting and the Stock Market, section 7.
"""

from polaris.desk.state import SIZE_FIXED, SIZE_VOLATILITY
from polaris.domain.kernel import inlined
from polaris.domain.orders import LIMIT, POST_ONLY

TINY = 1e-12


@inlined
def posterior_mean(forecast, confidence, prior_strength):  # type: ignore[no-untyped-def]
    """The forecast shrunk towards zero: a confidence of 1 leaves it, of 0 takes it away.

    forecast        expected return, fraction
    confidence      0..1: the share of it that is signal
    prior_strength  >= 0: 0 trusts every forecast with any confidence whole
    returns         |posterior| <= |forecast|
    """
    c = min(max(confidence, 0.0), 1.0)
    if c <= 0.0:
        return 0.0
    return forecast * (c / (c + prior_strength * (1.0 - c)))


@inlined
def cost_of(rule, term, bid, ask):  # type: ignore[no-untyped-def]
    """What one change of position costs, as a fraction: the fee, and half the spread where we take."""
    passive = rule["order_type"] == POST_ONLY or rule["order_type"] == LIMIT
    fee = (term["maker_ppm"] if passive else term["taker_ppm"]) * 1e-6
    if passive or bid + ask <= 0:
        return fee
    return fee + float(ask - bid) / float(ask + bid)


@inlined
def stake(rule, equity, mean, volatility):  # type: ignore[no-untyped-def]
    """The notional to hold, in money (a float), signed as the mean.

    rule        RULES record
    equity      money
    mean        posterior expected return over the horizon, fraction
    volatility  per square-root second, fraction
    """
    sign = 1.0 if mean > 0.0 else -1.0
    if mean == 0.0 or equity <= 0:
        return 0.0
    if rule["sizing"] == SIZE_FIXED:
        return sign * rule["fixed_notional"]
    sigma = max(volatility, TINY)
    fraction = min(rule["target_volatility"] / sigma, rule["max_leverage"])
    if rule["sizing"] != SIZE_VOLATILITY:
        variance = sigma * sigma * rule["horizon_s"]
        fraction = min(fraction, rule["kelly_fraction"] * mean * sign / variance)
    return sign * fraction * float(equity)


@inlined
def wanted_lots(rule, term, position, equity, forecast, confidence, volatility, bid, ask):  # type: ignore[no-untyped-def]
    """The position to want now, in lots: the one wanted before where the forecast does not pay for a change.

    forecast, confidence, volatility  of the ensemble, see `stake`
    bid, ask                          ticks
    """
    before = position["target"]
    mean = posterior_mean(forecast, confidence, rule["prior_strength"])
    edge = mean if mean >= 0.0 else -mean
    if edge <= rule["cost_multiple"] * cost_of(rule, term, bid, ask):
        return before
    lot_value = 0.5 * float(bid + ask) * term["money_per_tick_lot"]
    if lot_value <= 0.0:
        return before
    wish = stake(rule, equity, mean, volatility) / lot_value
    if not -9e18 < wish < 9e18:
        return before
    if rule["allow_short"] == 0 and wish < 0.0:
        wish = 0.0
    increment = term["quantity_increment"]
    lots = int(wish)
    lots = lots // increment * increment if lots >= 0 else -(-lots // increment * increment)
    change = lots - before if lots >= before else before - lots
    largest = max(lots if lots >= 0 else -lots, before if before >= 0 else -before)
    if float(change) < rule["rebalance_fraction"] * float(largest):
        return before
    return lots


