"""The verbs of upkeep: doctor, config, warm, version."""

from pathlib import Path
from typing import Annotated, Any

import typer

from polaris.app.cli.console import FAILED, Config, DataDir, Json, load_settings, output, print_json, progress, say, verb

config_app = typer.Typer(no_args_is_help=True, help="Show, check or print settings.")


def add_to(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.command()(doctor)
    app.add_typer(config_app, name="config")
    app.command()(warm)
    app.command()(version)


@verb
def doctor(
    config: Config = None,
    data: DataDir = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not try to reach the venues.")] = False,
    as_json: Json = False,
) -> None:
    """Check this machine: Python, kernels, clock, disk, ports, keys, venues.

    Keys are never shown, only whether they are there. Exit code 1 where something needed fails.

    \b
    Example:
      polaris doctor --offline --json
    """
    from polaris.app.doctor import FAIL, examine

    settings = load_settings(config, data__dir=data)
    findings = examine(settings, offline=offline)
    if as_json:
        print_json({"ok": all(finding.level != FAIL for finding in findings), "checks": findings})
    else:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column()
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        marks = {"ok": ("✓", "green"), "note": ("·", "bright_black"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
        for finding in findings:
            mark, style = marks[finding.level]
            table.add_row(f"[{style}]{mark}[/]", finding.name, finding.found + (f"\n[yellow]{finding.advice}[/]" if finding.advice else ""))
        output().print(table)
    if any(finding.level == FAIL for finding in findings):
        raise typer.Exit(FAILED)


@config_app.command("show")
@verb
def config_show(
    config: Config = None,
    origin: Annotated[bool, typer.Option("--origin", help="Also say where each value was set.")] = False,
    as_json: Json = False,
) -> None:
    """Print every setting in force. Secrets show as references, never as values.

    \b
    Example:
      POLARIS_RISK__MAX_DAILY_LOSS=250 polaris config show --origin
    """
    from polaris.app.configuration import leaf_fields, toml_value, value_at
    from polaris.app.settings import Settings, load

    loaded = load(config)
    shown = {path: toml_value(value_at(loaded.settings, path), path[-1]) for path, _ in leaf_fields(Settings)}
    if as_json:
        import tomllib

        values = {".".join(path): tomllib.loads(f"x = {text}")["x"] for path, text in shown.items()}
        if origin:
            return print_json({".".join(path): {"value": values[".".join(path)], "origin": loaded.origins[path]} for path in shown})
        return print_json(values)
    section: tuple[str, ...] = ()
    for path, text in shown.items():
        if path[:-1] != section:
            section = path[:-1]
            say(f"\n[{'.'.join(section)}]")
        line = f"{path[-1]} = {text}"
        say(f"{line:<56}# {loaded.origins[path]}" if origin else line)
    return None


@config_app.command("check")
@verb
def config_check(config: Config = None, as_json: Json = False) -> None:
    """Check the settings file and the environment without starting anything.

    \b
    Example:
      polaris config check --config polaris.toml
    """
    from polaris.app.settings import load, refuse_live

    loaded = load(config)
    refuse_live(loaded.settings)
    changed = {".".join(path): origin for path, origin in loaded.origins.items() if origin != "default"}
    if as_json:
        return print_json({"ok": True, "changed": changed})
    return say(f"settings are good: {len(changed)} changed from the default" + (f" ({', '.join(changed)})" if changed else ""))


@config_app.command("example")
@verb
def config_example(
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here instead of printing.")] = None,
    as_json: Json = False,
) -> None:
    """Print the example file: every key with its meaning, unit and default.

    \b
    Example:
      polaris config example --out polaris.toml
    """
    from polaris.app.settings import example

    if out is not None:
        out.write_text(example(), "utf-8")
        return print_json({"written": str(out)}) if as_json else say(f"written: {out}")
    return print_json({"toml": example()}) if as_json else print(example(), end="")  # noqa: T201


@verb
def warm(
    benches: Annotated[bool, typer.Option("--benches", help="Those of the benchmarks too, where there are any.")] = False,
    as_json: Json = False,
) -> None:
    """Compile the kernels now, so that the first order does not wait for it.

    \b
    Example:
      polaris warm
    """
    from polaris.app.cli.research import warm_benches
    from polaris.app.warm import warm_kernels

    with progress("compiling kernels", quiet=as_json) as advance:
        result: Any = warm_kernels(advance)
    if benches:
        warm_benches()
    if as_json:
        return print_json(result)
    done = f"{result['compiled']} kernels compiled in {result['seconds']:.1f} s" if result["compiled"] else "the kernels are compiled already"
    return say(f"{done}, kept in {result['cache']}")


@verb
def version(as_json: Json = False) -> None:
    """Print the version.

    \b
    Example:
      polaris version --json
    """
    import platform

    from polaris import __version__

    if as_json:
        return print_json({"polaris": __version__, "python": platform.python_version(), "platform": platform.platform()})
    return say(f"polaris {__version__} (Python {platform.python_version()})")
