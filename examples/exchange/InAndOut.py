"""A freqtrade strategy that does little and does it often: in at once, out after twenty seconds. To see an exchange work, not to earn."""

from datetime import datetime

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class InAndOut(IStrategy):
    """Holds every pair for twenty seconds, with a stop on the exchange meanwhile."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 0
    process_only_new_candles = False
    minimal_roi = {"0": 10.0}
    stoploss = -0.10
    order_types = {"entry": "limit", "exit": "market", "stoploss": "limit", "stoploss_on_exchange": True, "emergency_exit": "market"}

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """None."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Always."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Never: `custom_exit` does it."""
        dataframe["exit_long"] = 0
        return dataframe

    def custom_exit(self, pair: str, trade: Trade, current_time: datetime, current_rate: float, current_profit: float, **kwargs) -> str | None:
        """After twenty seconds."""
        return "long enough" if (current_time - trade.open_date_utc).total_seconds() > 20 else None
