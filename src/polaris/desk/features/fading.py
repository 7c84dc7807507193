"""Fading memory: what a half-life means, and what a setting must be, for every module that has one."""

from polaris.domain.errors import BadConfig

LN2 = 0.6931471805599453
BAR_HALF_LIFE = 20  # bars: on bars a memory fades by the bar, as a bar may be longer than any half-life in time
BAR_DECAY = 2.0 ** (-1.0 / BAR_HALF_LIFE)


def require_positive(name: str, value: float) -> None:
    """Refuse a setting that must be above zero. Raises BadConfig."""
    if not value > 0:
        raise BadConfig(f"{name} is {value}, expected more than 0")


def require_within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a setting outside its range. Raises BadConfig."""
    if not low <= value <= high:
        raise BadConfig(f"{name} is {value}, expected {low} .. {high}")
