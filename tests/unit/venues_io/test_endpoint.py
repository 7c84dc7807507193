"""Where a venue is."""

import pytest

from polaris.domain.errors import BadConfig
from polaris.venues.endpoint import VenueEndpoint


@pytest.mark.parametrize(("ws_url", "rest_url"), [("http://h", "http://h"), ("ws://h/", "http://h"), ("ws://h", "ws://h"), ("", "http://h")])
def test_an_address_of_the_wrong_kind_is_refused(ws_url, rest_url):
    with pytest.raises(BadConfig, match="endpoint of x"):
        VenueEndpoint("x", ws_url, rest_url)
