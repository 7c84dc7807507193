"""From a strategy's name to a desk that runs it.

    "pipeline"      every feature, the alphas, the ensemble; the desk sizes. Its params are desk.bank.BankSettings and
                    horizon_ns, one for all of them
    "crossover"     the compiled moving-average crossover; it says how many lots itself
    "module:Name"   of yours:
                      a class with on_row (desk.strategy.Strategy): plain Python, called for every row
                      a function that returns a desk.columns.Kernel: compiled; with the output "target" it says how
                      many lots itself, with "forecast", "confidence" and "volatility" the desk sizes

A kernel that declares inputs is put behind the features and alphas of the pipeline, so it can read them by name.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec

from polaris.desk.bank import BankSettings, default_bank, with_horizon
from polaris.desk.columns import Bank, Kernel
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings
from polaris.desk.strategy import Trader
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.domain.market import Rows
from polaris.domain.orders import Records

BUILT_IN: Final = {"crossover": "polaris.desk.alpha.crossover:crossover"}


def assemble(
    strategy: str, params: Mapping[str, Any], settings: DeskSettings, instruments: Instruments, folder: Path = Path()
) -> tuple[DeskSettings, Desk, Callable[[Rows], Records]]:
    """A desk that runs this strategy.

    folder   looked in first for the strategy's module
    returns  (settings, desk, advance): sizing is set to "direct" where the strategy says how many lots itself;
             advance(rows) hands rows to both and returns RECORD[n]
    raises   BadConfig where there is no such strategy or it does not take these params
    """
    if strategy == "pipeline":
        desk = Desk(settings, instruments, default_bank(instruments, _bank_settings(params)))
        return settings, desk, desk.advance
    made = _make(strategy, params, folder)
    direct = msgspec.structs.replace(settings, sizing=msgspec.structs.replace(settings.sizing, mode="direct"))
    if not isinstance(made, Kernel):
        desk = Desk(direct, instruments, Bank([], instruments))
        return direct, desk, Trader(desk, made).run
    if "target" in made.outputs:
        settings = direct
    kernels = [*default_bank(instruments).kernels, made] if made.inputs else [made]
    desk = Desk(settings, instruments, Bank(kernels, instruments))
    return settings, desk, desk.advance


def _bank_settings(params: Mapping[str, Any]) -> BankSettings:
    own = {name: value for name, value in params.items() if name != "horizon_ns"}
    horizon = params.get("horizon_ns")
    try:
        settings = msgspec.convert(own, BankSettings)
        return settings if horizon is None else with_horizon(settings, msgspec.convert(horizon, int))
    except msgspec.ValidationError as cause:
        raise BadConfig(f"params of the pipeline: {cause}") from cause


def _make(strategy: str, params: Mapping[str, Any], folder: Path) -> Any:
    name = BUILT_IN.get(strategy, strategy)
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise BadConfig(f"no strategy {strategy!r}; expected pipeline, {', '.join(BUILT_IN)}, or module:Name of your own")
    made = getattr(_module(module, folder), attribute, None)
    if made is None or not callable(made):
        raise BadConfig(f"strategy {strategy!r}: {module} has no class or function {attribute!r}")
    try:
        inspect.signature(made).bind(**params)
    except (TypeError, ValueError) as cause:
        raise BadConfig(f"strategy {strategy!r} does not take params {dict(params)}: {cause}") from cause
    instance = made(**params)
    if not isinstance(instance, Kernel) and not callable(getattr(instance, "on_row", None)):
        raise BadConfig(f"strategy {strategy!r} made a {type(instance).__name__}; expected an object with on_row, or a desk.columns.Kernel")
    return instance


def _module(name: str, folder: Path) -> ModuleType:
    path = folder / f"{name}.py"
    if path.is_file():
        spec = importlib.util.spec_from_file_location(name, path.resolve())
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module  # compiled functions are found again by their module's name
            spec.loader.exec_module(module)
            return module
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as cause:
        if cause.name != name.partition(".")[0] and cause.name != name:
            raise
        raise BadConfig(f"no module {name!r} for the strategy: neither {path} nor an installed package") from cause
