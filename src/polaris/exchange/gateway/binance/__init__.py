"""Binance spot, from the other side: REST, WebSocket API, market streams and user streams of a venue of ours."""
