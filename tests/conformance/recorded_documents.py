"""Of which kind each recorded document is, by venue: the end of its path, without ".json".

Kraken's and Coinbase's hold frames too, Binance's the messages of its streams.
"""

import gzip
import json
from pathlib import Path
from typing import Any

KINDS: dict[str, dict[str, str]] = {
    "binance": {
        "account": "account_response",
        "average price": "avg_price_response",
        "best prices": "book_ticker_response",
        "book": "depth_response",
        "cancelled": "cancel_open_orders_response",
        "candles": "klines_response",
        "conditional orders": "open_algo_orders",
        "day ticker": "ticker_24hr_response",
        "exchange info": "exchange_info_response",
        "fills": "account_trades_response",
        "futures account": "account_info_v2",
        "futures balances": "balance",
        "futures order": "futures/http_json/order_response",
        "futures positions": "position_risk",
        "futures stream":
            "agg_trade_stream book_ticker_stream depth_update_stream kline_stream_closed kline_stream_open liquidation_stream "
            "mark_price_stream ticker_stream trade_stream",
        "futures user event":
            "account_update account_update_bnfcr algo_update_canceled algo_update_new order_update_adl order_update_calculated "
            "order_update_calculated_pending order_update_delivery order_update_insurance order_update_new order_update_settlement "
            "order_update_trade order_update_trade_partial trade_lite",
        "order": "cancel_order_response new_order_full_response spot/http_json/order_response",
        "orders": "all_orders_response open_orders_response",
        "ping": "ping_response",
        "price": "ticker_price_response",
        "subscribed event": "account_position_wrapped balance_update_wrapped execution_report_wrapped list_status_wrapped",
        "time": "server_time_response",
        "trades": "trades_response",
        "user event":
            "account_position balance_update execution_report_canceled execution_report_expired execution_report_new "
            "execution_report_stop_loss execution_report_trade",
    },
    "bitstamp": {
        "all cancelled": "example-cancel-all-orders",
        "balances": "example-accountinfo-data",
        "book": "example-full-depth-data example-stream-depth-data order-book",
        "cancelled": "example-cancel-order",
        "deposit": "example-deposit-response example-v2-deposit-response",
        "diff": "order-book-v2",
        "error": "example-deposit-error example-place-limit-order-error",
        "old trades": "example-stream-trades-data",
        "order": "example-place-instant-order example-place-limit-order",
        "orders": "example-openorders",
        "stream trade": "trade",
        "stream trade message": "trade-v2",
        "ticker": "example-ticker-data",
        "trades": "example-trades-data",
        "transactions": "example-user-transactions",
        "withdrawal fees": "withdrawal-fees",
        "withdrawals": "withdrawals",
    },
    "coinbase": {
        "accounts": "http_accounts",
        "book": "http_product_book",
        "candles": "http_candles",
        "fills": "http_fills",
        "frame": "ws_candles ws_heartbeats ws_l2_data_snapshot ws_l2_data_update ws_market_trades ws_subscriptions ws_ticker",
        "futures balance": "http_cfm_balance_summary",
        "futures position": "http_cfm_position",
        "futures positions": "http_cfm_positions",
        "order": "http_order",
        "orders": "http_orders_list",
        "product": "http_product",
        "products": "http_products http_products_future",
        "trades": "http_ticker",
        "user frame": "ws_user",
    },
    "gemini": {
        "balance": "example-account-info-data",
        "balances": "example-account-info-balance",
        "book": "example-marketdepth-data",
        "cancelled": "example-cancel-all-orders-data",
        "fills": "example-past-trades-data",
        "order":
            "example-get-order-data-trades-included example-get-order-data example-limit-order-status limit-order-partially-filled "
            "limit-order-untouched example-cancel-order-data trade/example-open-orders-data example-place-order-data",
        "orders": "__files/example-open-orders-data",
        "ticker": "example-ticker-data",
        "trades": "example-trades-data",
        "volume": "example-notionalvolume",
    },
    "kraken": {
        "added": "ws_add_order_response_failure ws_add_order_response_success",
        "all added": "ws_batch_add_response_partial",
        "balances": "http_spot_balance",
        "book": "http_order_book",
        "book frame": "ws_book_snapshot ws_book_update",
        "cancelled": "http_cancel_order_spot",
        "candles": "http_ohlc",
        "channel": "ws_l3_snapshot ws_l3_update_add ws_l3_update_delete ws_l3_update_modify_price ws_l3_update_modify_qty ws_ohlc_update",
        "closed orders": "http_closed_orders",
        "fills": "http_trades_history",
        "futures book": "http_futures_orderbook",
        "futures cancelled": "http_cancel_order_futures",
        "futures candles": "http_futures_candles_mark http_futures_candles_spot http_futures_candles_trade",
        "futures fills": "http_futures_fills",
        "futures frame":
            "ws_futures_book_delta ws_futures_book_snapshot ws_futures_book_snapshot_with_zero_qty ws_futures_fills_delta "
            "ws_futures_fills_snapshot ws_futures_open_orders_cancel ws_futures_open_orders_cancel_post_only "
            "ws_futures_open_orders_delta ws_futures_open_orders_delta_full_fill ws_futures_open_orders_snapshot ws_futures_ticker "
            "ws_futures_trade ws_futures_trade_snapshot",
        "futures funding": "http_futures_historical_funding_rates",
        "futures history": "http_futures_public_executions",
        "futures instruments": "http_futures_instrument_no_fee_schedule http_futures_instruments",
        "futures open orders": "http_futures_open_orders",
        "futures order events": "http_futures_order_events http_futures_order_events_unknown",
        "futures positions": "http_futures_open_positions",
        "futures sent": "http_send_order_futures http_send_order_futures_unknown_trigger",
        "futures tickers": "http_futures_tickers",
        "open orders": "http_open_orders",
        "pairs": "http_asset_pairs http_asset_pairs_tokenized",
        "placed": "http_add_order_spot",
        "pong": "ws_pong",
        "positions": "http_spot_open_positions",
        "status": "http_system_status",
        "subscribed": "ws_subscribe_response",
        "ticker": "http_ticker",
        "ticker frame": "ws_ticker_snapshot",
        "time": "http_server_time",
        "trade balance": "http_spot_trade_balance",
        "trade frame": "ws_trade_update",
        "trades": "http_trades",
    },
    "kucoin": {
        "old balance": "example-balance",
        "old coin": "example-coin",
        "old ticker": "example-ticker",
        "old ticker answer": "single-ticker-data",
        "old tickers": "all-ticker-data",
        "old transfer": "example-wallet-record",
    },
    "alpaca": {
        "account": "test_accounts_routes.py::test_get_trade_account_by_id#8",
        "ach relationships": "test_funding_routes.py::test_get_ach_relationships_for_account#1",
        "activities": "test_account_activities_routes.py::test_get_activities_for_account_max_items_and_single_request_date#0",
        "all positions": "test_trading_routes.py::test_get_all_accounts_positions#0",
        "asset": "test_asset_routes.py::test_get_asset#2",
        "assets": "test_asset_routes.py::test_get_all_assets#0",
        "bank": "test_funding_routes.py::test_create_bank_for_account#3",
        "banks": "test_funding_routes.py::test_get_banks_for_account#4",
        "bars":
            "test_historical_option_data.py::test_get_bars#0 test_historical_option_data.py::test_get_bars_single_empty_response#2 "
            "test_historical_option_data.py::test_multisymbol_get_bars#1 test_historical_stock_data.py::test_get_bars#0 "
            "test_historical_stock_data.py::test_get_bars_multi_empty_response#4 "
            "test_historical_stock_data.py::test_multisymbol_get_bars#2",
        "broker account": "test_accounts_routes.py::test_create_ira_account#1 test_accounts_routes.py::test_get_account#3",
        "broker accounts": "test_accounts_routes.py::test_list_accounts_parses_entities_if_present#7",
        "cancelled": "test_trading_routes.py::test_cancel_orders_for_account#9",
        "clock": "test_misc_routes.py::test_get_clock#1",
        "closed": "test_position_routes.py::test_close_all_positions#1",
        "configuration":
            "test_accounts_routes.py::test_get_trade_configuration_for_account#10 "
            "test_accounts_routes.py::test_update_trade_configuration_for_account#11 "
            "test_account_routes.py::test_get_account_configurations#1",
        "corporate actions": "test_corporate_actions.py::test_get_corporate_actions#1",
        "journal": "test_journal_routes.py::test_create_journal#0 test_journal_routes.py::test_get_journal_by_id#5",
        "journals": "test_journal_routes.py::test_reverse_batch_journal#3",
        "latest bars":
            "test_historical_crypto_data.py::test_crypto_latest_bar#6 "
            "test_historical_stock_data.py::test_stock_latest_bar_multi_empty_response#20",
        "latest quotes":
            "test_historical_crypto_data.py::test_get_crypto_latest_quote#4 "
            "test_historical_option_data.py::test_get_latest_quote_multi_empty_response#15 "
            "test_historical_option_data.py::test_get_latest_quote_with_feed#13 "
            "test_historical_stock_data.py::test_get_latest_quote#14",
        "latest trades":
            "test_historical_option_data.py::test_get_latest_trade_multi_not_found#11 "
            "test_historical_option_data.py::test_get_multisymbol_latest_trade#10 "
            "test_historical_stock_data.py::test_get_latest_trade#11 "
            "test_historical_stock_data.py::test_get_multisymbol_latest_trade#12",
        "most actives": "test_screener.py::test_get_most_actives#1",
        "news": "test_historical_news_data.py::test_get_news#0",
        "option contract": "test_option_routes.py::test_get_option_contract#2",
        "option contracts": "test_option_routes.py::test_get_option_contracts_with_multiple_symbols#1",
        "option snapshots":
            "test_historical_option_data.py::test_get_snapshot#16 "
            "test_historical_option_data.py::test_get_snapshot_multi_empty_response#20 "
            "test_historical_option_data.py::test_get_snapshot_with_feed#18",
        "order":
            "test_trading_routes.py::test_close_position_for_account_with_percentage#4 "
            "test_order_routes.py::test_get_order_by_client_id#3 test_order_routes.py::test_market_order#0 "
            "test_order_routes.py::test_order_position_intent#8 test_position_routes.py::test_close_position_with_qty#2",
        "orders": "test_order_routes.py::test_get_orders#1",
        "portfolio": "test_rebalancing_routes.py::test_create_portfolio#0 test_rebalancing_routes.py::test_get_portfolio_by_id#2",
        "portfolio history":
            "test_trading_routes.py::test_get_portfolio_history#5 "
            "test_trading_routes.py::test_get_portfolio_history_with_null_base_value#7",
        "portfolio subscription": "test_rebalancing_routes.py::test_get_subscription_by_id#6",
        "portfolios": "test_rebalancing_routes.py::test_get_all_portfolios#1",
        "quotes":
            "test_historical_crypto_data.py::test_get_crypto_quotes#1 "
            "test_historical_stock_data.py::test_get_quotes_multi_empty_response#7 "
            "test_historical_stock_data.py::test_multisymbol_quotes#6",
        "snapshots": "test_historical_stock_data.py::test_get_snapshot_multi_empty_response#17",
        "statements": "test_documents_routes.py::test_get_trade_documents_for_account#0",
        "trades":
            "test_historical_option_data.py::test_get_trades_multi_empty_response#7 "
            "test_historical_stock_data.py::test_get_trades_multi_empty_response#10",
        "watchlist":
            "test_watchlist_routes.py::test_add_asset_to_watchlist#4 "
            "test_watchlist_routes.py::test_get_watchlist_for_account_by_id#1 "
            "test_watchlist_routes.py::test_remove_asset_from_watchlist_for_account#6 "
            "test_watchlist_routes.py::test_update_watchlist_for_account_by_id#3",
    },
}  # fmt: skip

# what is none of the venue's documents: read as which kind, and what the error says
FOREIGN: dict[str, dict[str, tuple[str, str]]] = {
    "binance": {  # notes of a recorder about its own files
        **{
            f"{name}.metadata": ("user event", r"Object missing required field `e`")
            for name in (
                "execution_report_event_1", "execution_report_event_2", "outbound_account_position_event_1", "outbound_account_position_event_2",
                "web_socket_response_1", "web_socket_response_2",
            )
        },
        "manifest": ("user event", r"Object missing required field `e`"),
    },
    "bitstamp": {"errors": ("error", r"trailing characters \(byte 51\)")},  # several documents in one file
    "gemini": {"example-marketdepth-lendbook-data": ("book", r"missing required field `price` - at `\$\.bids\[0\]`")},  # of another venue
    "kraken": {  # what a client sends
        "ws_add_order_request": ("added", r"missing required field `success`"),
        "ws_amend_order_request": ("added", r"missing required field `success`"),
        "ws_cancel_order_request": ("added", r"missing required field `success`"),
        "ws_batch_add_request": ("all added", r"missing required field `success`"),
    },
}  # fmt: skip

# frames of which the feeds read what a book needs: what else they hold counts as unknown
READ_IN_PART = {("coinbase", "frame"), ("kraken", "book frame"), ("kraken", "trade frame"), ("kraken", "ticker frame"), ("bitstamp", "diff")}


def recorded(folder: Path, venue: str) -> dict[str, bytes]:
    """Every recorded document of a venue, by its path without ".json"."""
    found = json.loads(gzip.decompress((folder / "rest" / f"{venue}_messages.json.gz").read_bytes()))
    return {path.removesuffix(".json"): _body(document) for path, document in found.items()}


def _body(document: Any) -> bytes:
    """A file that was no JSON was recorded as its text; Alpaca's documents stand beside the request."""
    match document:
        case {"__raw__": text}:
            return str(text).encode()
        case {"url_hint": _, "json": body}:
            return json.dumps(body).encode()
        case _:
            return json.dumps(document).encode()


def named(documents: dict[str, bytes], name: str) -> bytes:
    """The one document whose path ends so."""
    (path,) = [path for path in documents if f"/{path}".endswith(f"/{name}")]
    return documents[path]
