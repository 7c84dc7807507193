"""The Coinbase dialect of the venue: Advanced Trade over REST and WebSocket."""
