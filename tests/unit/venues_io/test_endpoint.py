"""Where a venue is."""

import pytest

from polaris.domain.errors import BadConfig
from polaris.venues.endpoint import PUBLIC, VenueEndpoint, endpoint


def test_a_known_venue_needs_no_address_and_takes_one_in_place_of_its_own():
    assert endpoint("coinbase") == PUBLIC["coinbase"]
    moved = endpoint("binance", ws_url="ws://127.0.0.1:9")
    assert (moved.ws_url, moved.rest_url) == ("ws://127.0.0.1:9", PUBLIC["binance"].rest_url)


def test_an_unknown_venue_needs_both_addresses():
    assert endpoint("mine", "ws://h", "http://h") == VenueEndpoint("mine", "ws://h", "http://h")
    with pytest.raises(BadConfig, match="known are coinbase, binance"):
        endpoint("mine", "ws://h")


@pytest.mark.parametrize(("ws_url", "rest_url"), [("http://h", "http://h"), ("ws://h/", "http://h"), ("ws://h", "ws://h"), ("", "http://h")])
def test_an_address_of_the_wrong_kind_is_refused(ws_url, rest_url):
    with pytest.raises(BadConfig, match="endpoint of x"):
        VenueEndpoint("x", ws_url, rest_url)
