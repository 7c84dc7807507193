"""Features: what the market is doing now, one kernel a subject, each writing the columns it names.

To add one, write a function that returns a `Kernel` (see `desk.columns`) and register it: here, or from a package of
your own as an entry point of the group `polaris.features`. A feature may read the columns of those before it.

    touch        mid spread_ticks spread weighted_mid microprice age
    imbalance    imbalance_1 imbalance_5 imbalance_10
    order_flow   ofi ofi_multi
    trades       trade_flow vwap_deviation
    returns      return_events return_1s return_10s
    volatility   volatility
    basis        basis
"""

import msgspec

from polaris.desk.columns import Kernel
from polaris.desk.features.basis import basis
from polaris.desk.features.imbalance import imbalance
from polaris.desk.features.orderflow import OrderFlowSettings, order_flow
from polaris.desk.features.returns import ReturnSettings, returns
from polaris.desk.features.touch import touch
from polaris.desk.features.trades import TradeSettings, trades
from polaris.desk.features.volatility import VolatilitySettings, volatility


class FeatureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the features measure over."""

    order_flow: OrderFlowSettings = OrderFlowSettings()
    trades: TradeSettings = TradeSettings()
    returns: ReturnSettings = ReturnSettings()
    volatility: VolatilitySettings = VolatilitySettings()


def default_features(settings: FeatureSettings) -> list[Kernel]:
    """Polaris' own features, in the order they run."""
    return [
        touch(),
        imbalance(),
        order_flow(settings.order_flow),
        trades(settings.trades),
        returns(settings.returns),
        volatility(settings.volatility),
        basis(),
    ]


__all__ = ["FeatureSettings", "OrderFlowSettings", "ReturnSettings", "TradeSettings", "VolatilitySettings", "default_features"]
