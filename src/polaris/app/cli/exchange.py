"""The verbs of an exchange of one's own: run it, its keys, its accounts, its phases."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from polaris.app.cli.console import Config, DataDir, Json, load_settings, note, output, print_json, say, verb, warm_first
from polaris.domain.errors import BadConfig

Account = Annotated[int, typer.Argument(help="The account's number, from 1.")]
Asset = Annotated[str, typer.Argument(help="BTC, USDT ...")]
Amount = Annotated[str, typer.Argument(help="As a decimal: 50000 or 0.25.")]


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    exchange_app = typer.Typer(invoke_without_command=True)
    exchange_app.callback()(exchange)
    command: Callable[..., None]
    of_keys: Callable[..., None]
    for command in (status, stop, deposit, withdraw, account, tier, phase, kill, revive, migrate, standby, promote, report):
        exchange_app.command()(command)
    keys_app = typer.Typer(no_args_is_help=True)
    for of_keys in (add, ls, remove):
        keys_app.command()(of_keys)
    exchange_app.add_typer(keys_app, name="keys", help="API keys: who may trade for which account.")
    app.add_typer(exchange_app, name="exchange")


@verb
def exchange(
    context: typer.Context,
    simulate: Annotated[bool, typer.Option("--simulate", help="Fill it with simulated traders: a market that moves by itself.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated traders.")] = None,
    binance_port: Annotated[int | None, typer.Option("--binance-port", help="Loopback port of the Binance dialect; 0 is any free one.")] = None,
    coinbase_port: Annotated[int | None, typer.Option("--coinbase-port", help="Loopback port of the Coinbase dialect; 0 is any free one.")] = None,
    fix_port: Annotated[int | None, typer.Option("--fix-port", help="Loopback port of FIX 4.4; 0 is any free one.")] = None,
    durability: Annotated[str | None, typer.Option(help="disk: an order is answered when it is on the disk; memory: at once.")] = None,
    run_for: Annotated[str | None, typer.Option("--for", metavar="DURATION", help='Stop by itself after this long, such as "30 s".')] = None,
    data: DataDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Run an exchange that other people's bots can trade on; Ctrl-C stops it.

    Bots of Binance and of Coinbase connect to it unchanged but for the address; FIX 4.4 clients too. Everything that was acknowledged is
    there after a crash. It listens on this machine only.

    \b
    Examples:
      polaris exchange --simulate
      polaris exchange keys add 1 && polaris exchange deposit 1 USDT 100000
      polaris exchange account 1
      polaris exchange phase auction --symbol BTCUSDT
    """
    if context.invoked_subcommand is not None:
        return
    import uvloop

    from polaris.app.configuration import duration_ns
    from polaris.app.exchange.running import run_exchange
    from polaris.app.logging import configure

    settings = load_settings(
        config,
        data__dir=data,
        exchange__seed=seed,
        exchange__binance_port=binance_port,
        exchange__coinbase_port=coinbase_port,
        exchange__fix_port=fix_port,
        exchange__durability=durability,
    )
    try:
        seconds = duration_ns(run_for) / 1e9 if run_for else 0.0
    except ValueError as cause:
        raise BadConfig(f"--for: {cause}") from cause
    warm_first(quiet=as_json)
    configure(settings.logging.format, settings.logging.level)

    def listening(about: dict[str, Any]) -> None:
        if not as_json:
            _show(about)
            if not about["accounts_with_keys"]:
                mine = about["first_account"]
                note(f"Nobody has a key yet: polaris exchange keys add {mine}, then: polaris exchange deposit {mine} USDT 100000")

    told = uvloop.run(run_exchange(settings, simulate, listening, seconds))
    if as_json:
        print_json(told)


@verb
def status(data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Show how the exchange that runs is.

    \b
    Example:
      polaris exchange status --json
    """
    told = _ask(data, config, do="status")
    print_json(told) if as_json else _show(told)


@verb
def stop(data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Stop the exchange that runs: everything to the disk, and a snapshot for a quick start.

    \b
    Example:
      polaris exchange stop
    """
    _tell(_ask(data, config, do="stop"), as_json, "stopping")


@verb
def deposit(account: Account, asset: Asset, amount: Amount, data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Pay something into an account.

    \b
    Example:
      polaris exchange deposit 1 USDT 100000
    """
    told = _ask(data, config, do="deposit", account=account, asset=asset, amount=amount)
    _tell(told, as_json, f"account {account}: {told['free']} {asset} free, {told['locked']} locked")


@verb
def withdraw(account: Account, asset: Asset, amount: Amount, data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Take something that is free out of an account.

    \b
    Example:
      polaris exchange withdraw 1 USDT 500
    """
    told = _ask(data, config, do="withdraw", account=account, asset=asset, amount=amount)
    _tell(told, as_json, f"account {account}: {told['free']} {asset} free, {told['locked']} locked")


@verb
def account(account: Account, data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Show what an account holds.

    \b
    Example:
      polaris exchange account 1
    """
    told = _ask(data, config, do="account", account=account)
    if as_json:
        return print_json(told)
    from rich.table import Table

    table = Table("asset", "free", "locked", box=None)
    for asset, balance in told["balances"].items():
        table.add_row(asset, balance["free"], balance["locked"])
    output().print(table)
    return None


@verb
def tier(
    account: Account,
    tier: Annotated[int, typer.Argument(help="Number of the fee tier, from 0: exchange.fees of the settings.")],
    data: DataDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Put an account into a fee tier.

    \b
    Example:
      polaris exchange tier 1 2
    """
    _tell(_ask(data, config, do="tier", account=account, tier=tier), as_json, f"account {account} pays the fees of tier {tier}")


@verb
def phase(
    phase: Annotated[str, typer.Argument(help="continuous, auction, halted or closed.")],
    symbol: Annotated[str, typer.Option(help="One book; all where it is left out.")] = "",
    data: DataDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Open, halt or close a book or all; an auction gathers orders, and the next phase matches them at one price.

    \b
    Examples:
      polaris exchange phase auction --symbol BTCUSDT
      polaris exchange phase continuous
    """
    told = _ask(data, config, do="phase", phase=phase, symbol=symbol)
    _tell(told, as_json, f"{told['symbol']}: {phase}")


@verb
def kill(
    account: Annotated[int, typer.Argument(help="The account's number; 0 is everybody.")], data: DataDir = None, config: Config = None, as_json: Json = False
) -> None:
    """Cancel all orders of an account, or of everybody, and take no new ones.

    \b
    Example:
      polaris exchange kill 7
    """
    _tell(_ask(data, config, do="kill", account=account), as_json, f"{_whose(account)}: killed")


@verb
def revive(
    account: Annotated[int, typer.Argument(help="The account's number; 0 is everybody.")], data: DataDir = None, config: Config = None, as_json: Json = False
) -> None:
    """Let an account, or everybody, trade again.

    \b
    Example:
      polaris exchange revive 7
    """
    _tell(_ask(data, config, do="revive", account=account), as_json, f"{_whose(account)}: may trade again")


@verb
def migrate(
    simulate: Annotated[bool, typer.Option("--simulate", help="The exchange is a simulated one.")] = False, data: DataDir = None, config: Config = None, as_json: Json = False
) -> None:
    """Carry the journal of another version, or of other rules, over to this one.

    \b
    Example:
      polaris exchange migrate
    """
    from polaris.app.exchange.house import migrated
    from polaris.app.exchange.running import plan_of

    done = migrated(plan_of(load_settings(config, data__dir=data), simulate))
    told = {"seq": done.seq, "replayed": done.replayed, "agrees": done.agrees, "told": done.told}
    agrees = {True: "its last two snapshots agree under these kernels", False: "its last two snapshots do NOT agree under these kernels", None: "it can't be compared"}[done.agrees]
    _tell(told, as_json, f"carried over up to seq {done.seq}, {done.replayed} commands run again; {agrees}")


@verb
def standby(
    run_for: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Stop by itself after this long.")] = None, data: DataDir = None, config: Config = None
) -> None:
    """Follow the journal of the exchange that leads, warm, and take its place at `polaris exchange promote`.

    \b
    Example:
      polaris exchange standby
    """
    import uvloop

    from polaris.app.configuration import duration_ns
    from polaris.app.exchange.running import run_exchange
    from polaris.app.logging import configure

    settings = load_settings(config, data__dir=data)
    try:
        seconds = duration_ns(run_for) / 1e9 if run_for else 0.0
    except ValueError as cause:
        raise BadConfig(f"--for: {cause}") from cause
    warm_first()
    configure(settings.logging.format, settings.logging.level)
    last = [-1]

    def following(seq: int, lag_ns: int) -> None:
        if seq != last[0]:
            last[0] = seq
            note(f"following: {seq:,} commands, {lag_ns / 1e6:.1f} ms behind")

    uvloop.run(run_exchange(settings, False, _show, seconds, following))


@verb
def promote(data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """Depose the exchange that leads this journal, alive or dead; the standby that follows it takes over.

    \b
    Example:
      polaris exchange promote
    """
    from polaris.app.exchange.running import folder_of
    from polaris.exchange.gateway import fence

    journal = folder_of(load_settings(config, data__dir=data)) / "journal"
    if not journal.is_dir():
        raise BadConfig(f"there is no journal in {journal}")
    fence.promote(journal)
    _tell({"vacant": True}, as_json, "the place is vacant: the leader before can acknowledge nothing more, and a standby takes it")


@verb
def report(
    hours: Annotated[float, typer.Option(help="How long a market is simulated.")] = 24.0,
    seed: Annotated[int, typer.Option(help="Its seed.")] = 7,
    html: Annotated[Path, typer.Option(help="The page to write.")] = Path("simulation.html"),
    as_json: Json = False,
) -> None:
    """Simulate a market and write a page about it: prices, spreads, depth, tails, clustering, impact.

    \b
    Example:
      polaris exchange report --hours 24 --html simulation.html
    """
    if not 5 <= hours <= 24 * 31:
        raise BadConfig(f"--hours is {hours}; expected 5 to {24 * 31}: the slow facts need a few hours")
    from polaris.app.exchange_report import write_report

    warm_first(quiet=as_json)
    seen = write_report(html, seed=seed, hours=hours)
    _tell({"html": str(html), "hours": hours, "seed": seed, "orders": seen.orders}, as_json, f"written to {html}")


@verb
def add(
    account: Account,
    scopes: Annotated[str, typer.Option(help="read, trade or both, with a comma.")] = "read,trade",
    address: Annotated[list[str] | None, typer.Option("--from", metavar="IP", help="IP or network it may be used from; may be given again.")] = None,
    public: Annotated[Path | None, typer.Option(metavar="FILE", help="A public key (PEM), Ed25519 or P-256: the secret stays with its owner. Else an HMAC key is made.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    data: DataDir = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a key for an account. The secret of an HMAC key is shown this once.

    \b
    Examples:
      polaris exchange keys add 1
      polaris exchange keys add 2 --scopes read --from 10.0.0.0/8
      polaris exchange keys add 3 --public alice.pem
    """
    import time

    keys = _keys(data, config)
    wanted, addresses, now = frozenset(part.strip() for part in scopes.split(",") if part.strip()), tuple(address or ()), time.time_ns()
    if account < 1:
        raise BadConfig(f"account is {account}; expected 1 or more")
    if public is not None:
        try:
            text = public.read_text()
        except OSError as cause:
            raise BadConfig(f"--public: {public} can't be read: {cause.strerror}") from cause
        key, secret = keys.create_public(account, text, wanted, addresses, label, now), ""
    else:
        key, secret = keys.create_hmac(account, wanted, addresses, label, now)
    if as_json:
        return print_json({"key": key.name, "account": account, "scopes": sorted(key.scopes), **({"secret": secret} if secret else {})})
    say(f"key     {key.name}")
    if secret:
        say(f"secret  {secret}")
        note("The secret is shown this once.")
    return None


@verb
def ls(data: DataDir = None, config: Config = None, as_json: Json = False) -> None:
    """List the keys; secrets are not shown.

    \b
    Example:
      polaris exchange keys ls
    """
    found = [
        {"key": key.name, "account": key.account, "kind": key.kind, "scopes": sorted(key.scopes), "from": list(key.addresses), "label": key.label}
        for key in _keys(data, config).all()
    ]
    if as_json:
        return print_json(found)
    from rich.table import Table

    table = Table("account", "key", "kind", "scopes", "from", "label", box=None)
    for each in found:
        table.add_row(str(each["account"]), each["key"], each["kind"], "+".join(each["scopes"]), ", ".join(each["from"]) or "anywhere", each["label"])
    output().print(table)
    return None


@verb
def remove(
    name: Annotated[str, typer.Argument(help="What the client sends, or how it begins.")], data: DataDir = None, config: Config = None, as_json: Json = False
) -> None:
    """Revoke a key: from now on it opens nothing.

    \b
    Example:
      polaris exchange keys remove Fh3kQ
    """
    keys = _keys(data, config)
    found = [each.name for each in keys.all() if each.name.startswith(name)]
    if len(found) != 1:
        raise BadConfig(f"{len(found)} keys begin with {name!r}; expected one: polaris exchange keys ls")
    keys.revoke(found[0])
    _tell({"removed": found[0]}, as_json, f"removed {found[0]}")


def _ask(data: str | None, config: Path | None, **asked: Any) -> dict[str, Any]:
    from polaris.app.exchange.control import ask
    from polaris.app.exchange.running import folder_of

    return ask(folder_of(load_settings(config, data__dir=data)), **asked)


def _keys(data: str | None, config: Path | None) -> Any:
    from polaris.app.exchange.running import folder_of
    from polaris.exchange.gateway.keys import Keys

    folder = folder_of(load_settings(config, data__dir=data))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Keys(folder / "keys.json")


def _tell(told: dict[str, Any], as_json: bool, line: str) -> None:
    print_json(told) if as_json else say(line)


def _whose(account: int) -> str:
    return f"account {account}" if account else "everybody"


def _show(about: dict[str, Any]) -> None:
    for name, address in about["addresses"].items():
        say(f"{name:<12}{address}")
    say(f"{'symbols':<12}{', '.join(about['symbols'])}")
    say(f"{'metrics':<12}{about['metrics']}")
    say(f"{'clients':<12}{', '.join(f'{name} {count:,}' for name, count in about['clients'].items())}")
    gone = [f"{count:,} of {name}: {why}" for name, reasons in about["sent_away"].items() for why, count in reasons.items()]
    say(f"{'sent away':<12}{'; '.join(gone) or 'nobody'}")
    say(f"{'state':<12}{about['state']}; {about['orders_alive']} orders alive, {about['seq']} commands, durability {about['durability']}")
