"""`polaris venues`: what there is, what it needs, and where it is."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from polaris.app.cli import app
from polaris.app.cli import venues as listing
from polaris.venues import registry
from polaris.venues.ccxt.tail import LONG_TAIL


def run(*arguments: str):
    return CliRunner().invoke(app, ["venues", *arguments], catch_exceptions=False, prog_name="polaris", env={"COLUMNS": "200"})


def test_every_venue_is_listed_once_with_what_watches_over_it_and_where_it_is():
    listed = json.loads(run("--json").stdout)["venues"]
    assert [each["name"] for each in listed] == [*registry.names(), *LONG_TAIL]
    for each in listed:
        assert all(urlsplit(host).scheme in ("https", "wss") and urlsplit(host).hostname for host in each["hosts"])
        assert each["kind"] == "ccxt" or (each["guard"] and each["market_data"] and each["products"] and each["requests_per_second"] > 0)
        assert each["orders"] or each["market_data"]


def test_the_long_tail_is_marked_and_has_no_market_data():
    tail = [each for each in json.loads(run("--json").stdout)["venues"] if each["kind"] == "ccxt"]
    assert tail and all(each["needs"] == "polaris-synapse[ccxt]" and each["orders"] and not each["market_data"] for each in tail)


def test_the_table_folds_the_long_tail_until_all_is_asked_for():
    folded, whole = run(), run("--all")
    assert folded.exit_code == whole.exit_code == 0
    assert "kraken" in folded.stdout and "okx (ccxt)" not in folded.stdout and "okx" in folded.stderr
    assert all(f"{name} (ccxt)" in whole.stdout for name in LONG_TAIL)


@pytest.mark.parametrize("there", [True, False])
def test_what_is_not_installed_says_what_to_install(monkeypatch, there):
    found = listing.find_spec
    monkeypatch.setattr(listing, "find_spec", lambda name: (object() if there else None) if name == "ccxt" else found(name))
    assert ("pip install 'polaris-synapse[ccxt]'" in run().stderr) != there
    assert {each["installed"] for each in listing.long_tail()} == {there}


def test_listing_the_venues_does_not_load_ccxt():
    ask = "import sys; from polaris.app.cli.venues import long_tail, own_venues; long_tail(), own_venues(); sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0
