"""Alphas: what the price may do next. Each is a kernel that writes `<name>.forecast` and `<name>.confidence`.

The forecast is the expected return over the alpha's horizon, a signed fraction; the confidence says how far to trust
it, 0 before it is warm. To add one, write a function that returns such a `Kernel` and register it: here, or from a
package of your own as an entry point of the group `polaris.alphas`.

    pressure     the book leans one way                     (logistic)
    momentum     a fast average leaves a slow one           (trend)
    reversion    the price left its mean                    (Ornstein-Uhlenbeck)
    flow         buyers or sellers press                    (order flow, slope learned)
    crossover    a strategy that writes its target itself; not part of the ensemble
"""

import msgspec

from polaris.desk.alpha.flow import FlowSettings, flow
from polaris.desk.alpha.momentum import MomentumSettings, momentum
from polaris.desk.alpha.pressure import PressureSettings, pressure
from polaris.desk.alpha.reversion import ReversionSettings, reversion
from polaris.desk.columns import Kernel


class AlphaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the alphas look at the market."""

    pressure: PressureSettings = PressureSettings()
    momentum: MomentumSettings = MomentumSettings()
    reversion: ReversionSettings = ReversionSettings()
    flow: FlowSettings = FlowSettings()


def default_alphas(settings: AlphaSettings) -> list[Kernel]:
    """Polaris' own alphas, in the order they run."""
    return [pressure(settings.pressure), momentum(settings.momentum), reversion(settings.reversion), flow(settings.flow)]


__all__ = ["AlphaSettings", "FlowSettings", "MomentumSettings", "PressureSettings", "ReversionSettings", "default_alphas"]
