"""The long tail: venues whose private side comes through ccxt, an extra (`pip install 'polaris-synapse[ccxt]'`).

ccxt knows how a hundred venues sign, name and refuse; we take that and nothing else. It is asked here as a function: no
socket, no clock, no thread, no float and no retry of its own. Its requests are carried by the same `ordering.OrderEntry` as
our own connectors', so an order in doubt is asked for by its name and never sent twice.

    tail     which venues, and what an order looks like there, field by field
    dialect  one venue of ccxt as a pure function: a call is a request, an answer is read
    orders   the `Orders` port on top of it
    symbols  its markets as instruments

A venue is in `tail.LONG_TAIL` only where an order can be found again by the name we gave it: without that a lost answer could
become a second trade. It has no market data: what ccxt could poll would be no book without gaps.
"""
