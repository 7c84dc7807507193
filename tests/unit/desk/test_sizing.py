"""Sizing: Kelly's published figures, never above the posterior mean's stake, nothing for what does not pay its cost."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.desk.sizing.kelly import cost_of, posterior_mean, stake, wanted_lots
from polaris.desk.state import SECONDS_A_YEAR, money, positions_of, rules_of, terms_of
from polaris.domain.errors import BadConfig
from tests.unit.desk.rows import DOLLAR, some_instruments

YEAR_NS = round(SECONDS_A_YEAR * 1e9)
EQUITY = 100_000 * DOLLAR
TRUSTING = SizingSettings(kelly_fraction=1.0, prior_strength=0.0, target_volatility=1e3, max_leverage=100.0, cost_multiple=0.0, rebalance_fraction=0.0)
INSTRUMENTS = some_instruments()


def rules(sizing: SizingSettings = TRUSTING, *, horizon_ns: int = YEAR_NS, **execution):
    return rules_of(DeskSettings(sizing=sizing, execution=ExecutionSettings(**execution)), horizon_ns)[0]


def terms(instruments=INSTRUMENTS, **execution):
    return terms_of(DeskSettings(execution=ExecutionSettings(**execution)), instruments)[0]


def sized(**changes) -> SizingSettings:
    return msgspec.structs.replace(TRUSTING, **changes)


def a_year(volatility: float) -> float:
    """A yearly volatility per square-root second."""
    return volatility / SECONDS_A_YEAR**0.5


def wanted(sizing=TRUSTING, *, forecast: float, confidence: float = 1.0, volatility: float = 0.1691, before: int = 0, bid=9_999, ask=10_001, item=None, rule=None,
           horizon_ns: int = YEAR_NS, equity: int = EQUITY, **execution):  # fmt: skip
    """Lots wanted at a price of 100 dollars a coin of a million lots; volatility of a year."""
    position = positions_of(INSTRUMENTS)[0]
    position["target"] = before
    rule = rules(sizing, horizon_ns=horizon_ns, **execution) if rule is None else rule
    return wanted_lots(rule, terms(item or INSTRUMENTS, **execution), position, equity, forecast, confidence, a_year(volatility), bid, ask)


def test_kellys_stake_of_the_index_in_chans_book_is_2_528_of_equity():
    """m = 0.1123, r = 0.04, s = 0.1691 a year: f = (m - r) / s^2. Source: Chan, Quantitative Trading, ch. 6."""
    assert stake(rules(), EQUITY, 0.1123 - 0.04, a_year(0.1691)) / EQUITY == pytest.approx(2.528, abs=5e-4)


@pytest.mark.parametrize(("p", "fraction"), [(0.51, 0.02), (0.60, 0.20), (0.70, 0.40)])
def test_an_even_money_coin_is_staked_by_its_edge(p, fraction):
    """f = p - q (Thorp): mean p - q, and a second moment of 1."""
    assert stake(rules(), EQUITY, p - (1 - p), a_year(1.0)) / EQUITY == pytest.approx(fraction)


def test_half_kelly_keeps_three_quarters_of_the_growth_and_twice_kelly_none():
    mean, volatility = 0.0723, 0.1691
    growth = [mean * f - 0.5 * (f * volatility) ** 2 for f in (stake(rules(sized(kelly_fraction=k)), EQUITY, mean, a_year(volatility)) / EQUITY for k in (0.5, 1.0))]
    assert growth[0] / growth[1] == pytest.approx(0.75)
    twice = 2.0 * stake(rules(), EQUITY, mean, a_year(volatility)) / EQUITY
    assert mean * twice - 0.5 * (twice * volatility) ** 2 == pytest.approx(0.0, abs=1e-12)


def test_the_stake_follows_the_horizon():
    """The same mean over a quarter of the time has a quarter of the variance."""
    assert stake(rules(horizon_ns=YEAR_NS // 4), EQUITY, 0.01, a_year(0.2)) == pytest.approx(4.0 * stake(rules(), EQUITY, 0.01, a_year(0.2)))


@given(
    st.floats(-0.5, 0.5), st.floats(-0.1, 1.1), st.floats(1e-6, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 10.0), st.floats(0.0, 100.0), st.floats(0.0, 1e3),
    st.integers(1, 10**12),
)  # fmt: skip
def test_the_stake_is_never_above_the_kelly_stake_of_the_posterior_mean(forecast, confidence, volatility, fraction, prior, leverage, target, equity):
    sizing = sized(kelly_fraction=fraction, prior_strength=prior, max_leverage=leverage, target_volatility=target)
    mean = posterior_mean(forecast, confidence, prior)
    assert abs(mean) <= abs(forecast) and mean * forecast >= 0.0
    notional = stake(rules(sizing), equity, mean, a_year(volatility))
    kelly = equity * abs(mean) / volatility**2
    most = min(fraction * kelly, leverage * equity, target / volatility * equity)
    assert abs(notional) <= most * (1.0 + 1e-9) + 1e-300  # the smallest floats have few digits left
    assert notional * forecast >= 0.0
    lots = wanted(sizing, forecast=forecast, confidence=confidence, volatility=volatility, equity=equity)
    assert abs(lots) * 10_000 <= most * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("confidence", "prior", "kept"), [(1.0, 5.0, 1.0), (0.0, 0.0, 0.0), (0.5, 1.0, 0.5), (0.5, 0.0, 1.0), (0.2, 4.0, 0.2 / 3.4), (-3.0, 1.0, 0.0), (7.0, 1.0, 1.0)]
)
def test_confidence_and_prior_shrink_the_forecast(confidence, prior, kept):
    assert posterior_mean(0.01, confidence, prior) == pytest.approx(0.01 * kept)
    assert posterior_mean(-0.01, confidence, prior) == pytest.approx(-0.01 * kept)


def test_a_fixed_notional_is_a_hundred_dollars_whatever_the_forecast():
    for forecast in (1e-9, 0.5):
        assert wanted(SizingSettings(mode="fixed", cost_multiple=0.0), forecast=forecast) == 1_000_000
        assert wanted(SizingSettings(mode="fixed", cost_multiple=0.0), forecast=-forecast) == -1_000_000


def test_a_volatility_target_holds_what_moves_as_much_as_asked():
    sizing = SizingSettings(mode="volatility", target_volatility=0.3, max_leverage=10.0, cost_multiple=0.0)
    assert stake(rules(sizing), EQUITY, 1e-6, a_year(0.6)) / EQUITY == pytest.approx(0.5)
    assert stake(rules(sizing), EQUITY, -1e-6, a_year(0.1)) / EQUITY == pytest.approx(-3.0)
    assert stake(rules(sizing), EQUITY, 1e-6, 0.0) / EQUITY == 10.0  # no volatility known: the leverage


def test_the_volatility_target_and_the_leverage_also_bound_kelly():
    assert stake(rules(sized(max_leverage=1.0)), EQUITY, 0.5, a_year(0.1)) == EQUITY
    assert stake(rules(sized(target_volatility=0.2)), EQUITY, 0.5, a_year(0.4)) == pytest.approx(0.5 * EQUITY)


@pytest.mark.parametrize(
    ("order_type", "cost"), [("post-only", 0.0001), ("limit", 0.0001), ("market", 0.0003 + 0.0001), ("ioc", 0.0003 + 0.0001)]
)  # fmt: skip
def test_resting_costs_the_makers_fee_and_taking_the_takers_and_half_the_spread(order_type, cost):
    execution = {"order_type": order_type, "maker_fee": 0.0001, "taker_fee": 0.0003}
    assert cost_of(rules(**execution), terms(**execution), 9_999, 10_001) == pytest.approx(cost)
    sizing = sized(cost_multiple=2.0)
    assert wanted(sizing, forecast=2.0 * cost * 0.999, before=777, **execution) == 777
    assert wanted(sizing, forecast=2.0 * cost * 1.001, before=777, **execution) != 777
    assert wanted(sizing, forecast=-2.0 * cost * 0.999, before=777, **execution) == 777


def test_a_small_change_of_a_target_is_left_alone():
    full = wanted(forecast=0.01)
    sizing = sized(rebalance_fraction=0.25)
    assert wanted(sizing, forecast=0.01, before=round(full * 0.76)) == round(full * 0.76)
    assert wanted(sizing, forecast=0.01, before=round(full * 0.74)) == full
    assert wanted(sizing, forecast=0.01, before=round(full / 0.76)) == round(full / 0.76)
    assert wanted(sizing, forecast=-0.01, before=full) == -full


def test_a_target_is_rounded_towards_nothing_to_the_venues_increment():
    item = some_instruments(1, quantity_increment=300_000)
    assert wanted(SizingSettings(mode="fixed", cost_multiple=0.0), forecast=0.1, item=item) == 900_000
    assert wanted(SizingSettings(mode="fixed", cost_multiple=0.0), forecast=-0.1, item=item) == -900_000


def test_where_shorts_are_forbidden_a_falling_market_is_not_held():
    settings = DeskSettings(sizing=TRUSTING, risk=RiskSettings(allow_short=False))
    assert wanted(forecast=-0.1, rule=rules_of(settings, YEAR_NS)[0], before=5) == 0


def test_no_forecast_no_equity_and_no_price_change_nothing():
    assert wanted(forecast=0.0, before=5) == 5
    assert wanted(forecast=0.1, confidence=0.0, before=5) == 5
    assert wanted(forecast=0.1, bid=0, ask=0, before=5) == 5
    assert stake(rules(), 0, 0.1, 1.0) == stake(rules(), -EQUITY, 0.1, 1.0) == 0.0


def test_money_is_read_to_the_unit_and_refused_beyond_63_bits():
    assert money(0.00000001) == 1 and money(100.0) == 100 * DOLLAR
    for wrong in (-1.0, 1e11, float("nan"), float("inf")):
        with pytest.raises(BadConfig, match=r"is outside 0 \.\. "):
            money(wrong)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (DeskSettings(sizing=SizingSettings(kelly_fraction=1.5)), "sizing.kelly_fraction is 1.5, expected 0 .. 1"),
        (DeskSettings(sizing=SizingSettings(kelly_fraction=float("nan"))), "sizing.kelly_fraction is nan"),
        (DeskSettings(sizing=SizingSettings(target_volatility=-1.0)), "sizing.target_volatility is -1.0"),
        (DeskSettings(sizing=SizingSettings(cost_multiple=-1.0)), "sizing.cost_multiple is -1.0"),
        (DeskSettings(risk=RiskSettings(max_drawdown=0.0)), "risk.max_drawdown is 0.0"),
        (DeskSettings(risk=RiskSettings(max_open_orders=257)), "risk.max_open_orders is 257, expected 1 .. 256"),
        (DeskSettings(risk=RiskSettings(order_burst=0)), "risk.order_burst is 0"),
        (DeskSettings(risk=RiskSettings(max_data_age_ns=-1)), "risk.max_data_age_ns is -1"),
        (DeskSettings(execution=ExecutionSettings(latency_ns=-1)), "execution.latency_ns is -1"),
        (DeskSettings(execution=ExecutionSettings(repeg_ns=-1)), "execution.repeg_ns is -1"),
        (DeskSettings(execution=ExecutionSettings(equity_sample_ns=2**63)), "execution.equity_sample_ns is"),
    ],
)
def test_a_setting_out_of_its_range_is_named(settings, said):
    with pytest.raises(BadConfig, match=said):
        rules_of(settings, 10**9)


@pytest.mark.parametrize(
    ("changes", "fees", "said"),
    [
        ({"price_decimals": 18, "quantity_decimals": 18}, {}, "expected at most 26 together"),
        ({}, {"sim": (0.2, 0.0)}, "maker fee of sim is 0.2"),
        ({}, {"sim": (0.0, float("nan"))}, "taker fee of sim is nan"),
    ],
)
def test_terms_that_can_not_be_are_refused(changes, fees, said):
    with pytest.raises(BadConfig, match=said):
        terms_of(DeskSettings(execution=ExecutionSettings(fees=fees)), some_instruments(1, **changes))


def test_what_is_not_quoted_in_dollars_is_refused():
    item = some_instruments()[0]
    other = msgspec.structs.replace(item, key=msgspec.structs.replace(item.key, quote="EUR"))
    with pytest.raises(BadConfig, match="quoted in EUR; the account counts dollars"):
        terms_of(DeskSettings(), type(INSTRUMENTS)([other]))


def test_a_venues_own_fees_replace_the_general_ones():
    settings = DeskSettings(execution=ExecutionSettings(maker_fee=0.01, taker_fee=0.02, fees={"sim": (-0.0001, 0.0005)}))
    term = terms_of(settings, INSTRUMENTS)[0]
    assert (term["maker_ppm"], term["taker_ppm"]) == (-100, 500)
    assert np.isclose(term["money_per_tick_lot"], 1.0)
