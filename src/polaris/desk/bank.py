"""The default bank: features -> alphas -> ensemble, and whatever the user's own packages add.

A package adds a feature by an entry point of the group `polaris.features`, an alpha by one of `polaris.alphas`: a
function without arguments that returns a `Kernel`. Entry points run after Polaris' own, in order of their names, so
the same installation always makes the same bank.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import msgspec

from polaris.desk.alpha import AlphaSettings, default_alphas
from polaris.desk.columns import Bank, Kernel
from polaris.desk.ensemble import EnsembleSettings, ensemble
from polaris.desk.features import FeatureSettings, default_features
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments

FEATURES = "polaris.features"
ALPHAS = "polaris.alphas"


class BankSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the bank is made of."""

    features: FeatureSettings = FeatureSettings()
    alphas: AlphaSettings = AlphaSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    entry_points: bool = True  # take in what installed packages register


def default_bank(instruments: Instruments, settings: BankSettings = BankSettings()) -> Bank:  # noqa: B008 - frozen
    """The bank over these instruments; its last kernel is the ensemble. Raises BadConfig where the parts do not fit."""
    features = default_features(settings.features)
    alphas = default_alphas(settings.alphas)
    if settings.entry_points:
        features += registered(FEATURES)
        alphas += registered(ALPHAS)
    return Bank([*features, *alphas, ensemble(alphas, settings.ensemble)], instruments)


def with_horizon(settings: BankSettings, horizon_ns: int) -> BankSettings:
    """The same settings, every alpha and the ensemble looking this far ahead. On bars, take the bar's length or a multiple."""
    replace = msgspec.structs.replace
    alphas = {name: replace(getattr(settings.alphas, name), horizon_ns=horizon_ns) for name in settings.alphas.__struct_fields__}
    return replace(settings, alphas=replace(settings.alphas, **alphas), ensemble=replace(settings.ensemble, horizon_ns=horizon_ns))


def registered(group: str) -> Sequence[Kernel]:
    """The kernels that installed packages register in a group. Raises BadConfig for one that is no kernel."""
    kernels = []
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        make: Callable[[], Kernel] = point.load()
        made = make()
        if not isinstance(made, Kernel):
            raise BadConfig(f"entry point {point.name!r} of {group} gives {type(made).__name__}, expected a Kernel")
        kernels.append(made)
    return kernels
