"""Settings: what may be written, what is refused and how, and where a value came from."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from polaris.app.configuration import documentation, duration_ns, duration_text, leaf_fields
from polaris.app.secret import SecretReference
from polaris.app.settings import Settings, VenuesSettings, at_the_start, example, load, refuse_live
from polaris.domain.errors import BadConfig, Unavailable
from polaris.venues import registry

EXAMPLE = Path(__file__).resolve().parents[3] / "polaris.example.toml"


def settings(tmp_path: Path, toml: str = "", **environ: str) -> Settings:
    file = tmp_path / "polaris.toml"
    file.write_text(toml)
    return load(file, environ=environ).settings


def refusal(tmp_path: Path, toml: str = "", **environ: str) -> str:
    with pytest.raises(BadConfig) as caught:
        settings(tmp_path, toml, **environ)
    return str(caught.value)


def test_no_file_and_no_environment_are_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_the_default_mode_is_paper_on_the_built_in_market():
    assert (Settings().mode, Settings().market.source) == ("paper", "builtin")


def test_the_environment_wins_over_the_file_and_a_flag_over_both(tmp_path):
    file = tmp_path / "polaris.toml"
    file.write_text("[risk]\nmax_daily_loss = 300.0\nmax_drawdown = 0.1\nprice_band = 0.03\n")
    environ = {"POLARIS_RISK__MAX_DAILY_LOSS": "250", "POLARIS_RISK__PRICE_BAND": "0.04"}
    loaded = load(file, environ=environ, flags={"risk.price_band": 0.05, "risk.allow_short": None})
    risk = loaded.settings.risk
    assert (risk.max_daily_loss, risk.max_drawdown, risk.price_band) == (250.0, 0.1, 0.05)
    assert loaded.origins["risk", "max_daily_loss"] == "environment POLARIS_RISK__MAX_DAILY_LOSS"
    assert loaded.origins["risk", "max_drawdown"] == str(file)
    assert loaded.origins["risk", "price_band"] == "command line"
    assert loaded.origins["risk", "allow_short"] == "default"


def test_the_file_is_the_one_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "polaris.toml").write_text('mode = "paper"')
    (tmp_path / "other.toml").write_text('mode = "observe"')
    assert load(environ={}).settings.mode == "paper"
    assert load(environ={"POLARIS_CONFIG": "other.toml"}).settings.mode == "observe"
    with pytest.raises(BadConfig, match=r"no settings file .*absent\.toml \(\$POLARIS_CONFIG\)"):
        load(environ={"POLARIS_CONFIG": "absent.toml"})


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[risk]\nmax_dayly_loss = 1", ["polaris.toml", "unknown key risk.max_dayly_loss", "did you mean risk.max_daily_loss?"]),
        ("[rsik]\nmax_daily_loss = 1", ["unknown key rsik", "did you mean risk?"]),
        ("[risk]\nzzz = 1", ["unknown key risk.zzz", "known here are max_position_notional"]),
        ('[risk]\nmax_daily_loss = "much"', ["risk.max_daily_loss is 'much'", "expected a finite number"]),
        ("[risk]\nmax_daily_loss = nan", ["risk.max_daily_loss is nan", "expected a finite number"]),
        ("[risk]\nmax_daily_loss = true", ["risk.max_daily_loss is True", "expected a finite number"]),
        ("[risk]\norder_burst = 1.5", ["risk.order_burst is 1.5", "expected a whole number"]),
        ("[risk]\nallow_short = 1", ["risk.allow_short is 1", "expected true or false"]),
        ('[risk]\nmax_data_age_ns = "10 parsecs"', ["risk.max_data_age_ns", "'10 parsecs' is no duration", "250 ms"]),
        ('mode = "lvie"', ["mode is 'lvie'", "'observe', 'paper', 'live'"]),
        ('[log]\nsync = "sometimes"', ["log.sync is 'sometimes'", "'never', 'interval', 'always'"]),
        ('[market]\nsource = "recording:"', ["source is 'recording:'", "recording:FILE"]),
        ("[market]\nspeed = -1", ["speed is -1", "expected 0 or more"]),
        ("risk = 3", ["risk is a section of keys", "[risk]"]),
        ('[server]\nhost = "0.0.0.0"', ["host is '0.0.0.0'", "loopback"]),
        ("[server]\nport = 70000", ["port is 70000", "0 to 65535"]),
        ('[venues.coinbase]\nsymbols = "BTC-USD"', ["venues.coinbase.symbols is 'BTC-USD'", "a list, each item text"]),
        ("[execution.fees]\ncoinbase = [0.1, nan]", ["execution.fees", "finite"]),
        ("equity = 0.0", ["equity is 0.0", "positive"]),
        ("equity = ", ["polaris.toml is not TOML", "Invalid value"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path, toml, words):
    message = refusal(tmp_path, toml)
    for word in words:
        assert word in message
    assert "\n" not in message


def test_a_misspelt_variable_is_refused_by_name(tmp_path):
    message = refusal(tmp_path, POLARIS_RISK__MAX_DAYLY_LOSS="1")
    assert message == "environment POLARIS_RISK__MAX_DAYLY_LOSS: unknown key risk.max_dayly_loss; did you mean risk.max_daily_loss?"


def test_variables_of_others_are_left_alone(tmp_path):
    assert settings(tmp_path, POLARIS_COINBASE_KEY="hush", POLARIS_CACHE="/x", OTHER__KEY="1") == Settings()


def test_an_environment_value_is_read_as_its_type(tmp_path):
    found = settings(
        tmp_path,
        POLARIS_MODE="observe",
        POLARIS_RISK__ALLOW_SHORT="false",
        POLARIS_RISK__MAX_DATA_AGE_NS="250 ms",
        POLARIS_VENUES__COINBASE__SYMBOLS="BTC-USD, SOL-USD",
        POLARIS_VENUES__BINANCE__SYMBOLS='["BTCUSDT"]',
        POLARIS_EXECUTION__FEES="{coinbase = [0.001, 0.002]}",
    )
    assert (found.mode, found.risk.allow_short, found.risk.max_data_age_ns) == ("observe", False, 250_000_000)
    assert found.venues.coinbase.symbols == ("BTC-USD", "SOL-USD")
    assert found.venues.binance.symbols == ("BTCUSDT",)
    assert found.execution.fees == {"coinbase": (0.001, 0.002)}


def test_every_venue_can_be_listened_to_and_has_its_own_address_unless_another_is_given(tmp_path):
    found = settings(tmp_path, '[venues.kraken]\nenabled = true\n[venues.binance_us]\nenabled = true\nrest_url = "http://127.0.0.1:1"').venues.enabled()
    assert list(found) == ["coinbase", "binance", "binance-us", "kraken"]
    assert (found["kraken"].ws_url, found["kraken"].symbols) == ("wss://ws.kraken.com", ("BTC/USD",))
    assert (found["binance-us"].rest_url, found["binance-us"].ws_url) == ("http://127.0.0.1:1", "wss://stream.binance.us:9443")
    everything = {field.replace("_", "-") for field in VenuesSettings.__struct_fields__}
    assert everything == set(registry.names()) - {"kraken-v1"}, "kraken-v1 is for recordings only"


def test_changing_one_key_of_a_section_keeps_the_rest_of_its_defaults(tmp_path):
    found = settings(tmp_path, "[venues.coinbase]\nenabled = false")
    assert found.venues.coinbase.symbols == ("BTC-USD", "ETH-USD")
    assert list(found.venues.enabled()) == ["binance"]


@pytest.mark.parametrize(
    ("text", "ns"),
    [("10 s", 10_000_000_000), ("250ms", 250_000_000), ("1.5 h", 5_400_000_000_000), ("2 d", 172_800_000_000_000), ("7 ns", 7), ("3 µs", 3_000), ("0 s", 0)],
)
def test_a_duration_is_whole_nanoseconds(text, ns):
    assert duration_ns(text) == ns
    assert duration_ns(duration_text(ns)) == ns


@pytest.mark.parametrize("text", ["", "10", "s", "-1 s", "0.5 ns", "1e3 s", "1 s 2 ms", "ten s", "1 m"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|nanoseconds"):
        duration_ns(text)


def test_the_example_file_is_what_the_structs_say():
    assert EXAMPLE.read_text() == example(), "bring it up to date with: polaris config example --out polaris.example.toml"


def test_the_example_file_equals_the_defaults():
    assert load(EXAMPLE, environ={}).settings == Settings()


def test_the_example_file_names_every_key():
    values = tomllib.loads(EXAMPLE.read_text())
    for path, _ in leaf_fields(Settings):
        place = values
        for name in path:
            place = place[name]


def silent(section: msgspec.Struct, path: str = "") -> list[str]:
    """The keys of a section and those below that say nothing of themselves."""
    meanings, found = documentation(type(section)), []
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct) and not isinstance(value, SecretReference):
            found += silent(value, f"{path}{name}.")
        elif name not in meanings:
            found.append(path + name)
    return found


def test_every_key_says_what_it_means():
    assert silent(Settings()) == []


def test_live_is_refused_and_says_what_is_missing(tmp_path):
    wanted = settings(tmp_path, 'mode = "live"\n[venues.binance]\nenabled = false\n[venues.coinbase]\napi_key = "env:KEY"')
    with pytest.raises(BadConfig, match=r"refused.*order entry.*keys are missing too \(venues\.coinbase\.api_secret\).*'paper'"):
        refuse_live(wanted)
    refuse_live(Settings())


def test_a_secret_in_the_file_is_refused_without_repeating_it(tmp_path):
    for toml, environ in (('[venues.coinbase]\napi_key = "hunter2"', {}), ("", {"POLARIS_VENUES__COINBASE__API_KEY": "hunter2"})):
        message = refusal(tmp_path, toml, **environ)
        assert "env:NAME" in message
        assert "hunter2" not in message


def test_a_secret_is_found_where_its_reference_points(tmp_path, monkeypatch):
    monkeypatch.setenv("COINBASE_KEY", "hunter2")
    assert SecretReference("env:COINBASE_KEY").resolve().reveal() == "hunter2"
    file = tmp_path / "key"
    file.write_text("hunter3\n")
    file.chmod(0o600)
    secret = SecretReference(f"file:{file}").resolve()
    assert secret.reveal() == "hunter3"
    assert "hunter3" not in f"{secret} {secret!r}"


def test_a_secret_file_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / "key"
    file.write_text("hunter2")
    file.chmod(0o644)
    with pytest.raises(BadConfig, match=r"others may read .* chmod 600") as caught:
        SecretReference(f"file:{file}").resolve()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("reference", ["env:POLARIS_ABSENT", "file:/nonexistent/key", ""])
def test_an_absent_secret_says_so(reference):
    with pytest.raises(Unavailable):
        SecretReference(reference).resolve()


def test_orders_go_to_the_built_in_market_unless_fills_are_set_otherwise(tmp_path):
    def chosen(text: str, **flags: str) -> str:
        (tmp_path / "polaris.toml").write_text(text)
        return at_the_start(load(tmp_path / "polaris.toml", environ={}, flags={name.replace("__", "."): value for name, value in flags.items()})).execution.fill_model

    assert chosen("") == "venue"
    assert chosen('[execution]\nfill_model = "queue"\n') == "queue"
    assert chosen("", market__source="live") == chosen("", market__source="recording:a.jsonl") == "queue"


@pytest.mark.parametrize("source", ["live", "recording:a.jsonl"])
def test_orders_to_any_other_market_are_refused(source):
    with pytest.raises(BadConfig, match=f"market.source is '{source}': only the built-in market takes them"):
        refuse_live(load(environ={}, flags={"market.source": source, "execution.fill_model": "venue"}).settings)
