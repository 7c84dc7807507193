"""Log lines for people: one short fact and its fields. The event log is the record; these are not.

    log = structlog.get_logger()
    log.warning("feed gap", venue="coinbase", expected=812, found=815)

JSON one line an event where a machine reads, colour on a terminal. A field whose name says that it is a secret, and any
text that looks like one, is written as `***`, whoever logged it.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

HIDDEN: Final = "***"
_SECRET_NAME: Final = re.compile(r"(secret|password|passphrase|passwd|token|api_?key|private_?key|signature|authorization|credential|mnemonic)", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(?i)(?P<name>(?:api[_-]?key|api[_-]?secret|secret|signature|token|passphrase|password)[\"']?\s*[=:]\s*[\"']?)(?P<value>[^\s\"'&,;}]+)"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)(?P<credential>[A-Za-z0-9._~+/=-]{8,})"
    r"|(?P<url>://[^/\s:@]*:)(?P<password>[^/\s@]+)(?=@)"
    r"|(?P<pem>-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))"
)


def configure(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Set how every structlog and standard logger of this process writes.

    form    "console", "json", or "auto": console where `stream` is a terminal
    level   debug | info | warning | error
    stream  None is standard error
    """
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    lowest = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if console else "iso", utc=True),
    ]
    ending: list[Processor]
    if console:
        ending = [redact, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    else:
        ending = [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    # libraries that speak through the standard library come out the same way
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(lowest, logging.WARNING))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before writing: nothing that is a secret passes."""
    for name in event:
        event[name] = HIDDEN if _SECRET_NAME.search(name) and event[name] not in (None, "", True, False) else _without_secrets(event[name])
    return event


def _without_secrets(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_TEXT.sub(_hide, value)
        case bytes():
            return _without_secrets(value.decode("utf-8", "replace"))
        case dict():
            return {key: HIDDEN if isinstance(key, str) and _SECRET_NAME.search(key) else _without_secrets(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_secrets(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _without_secrets(str(value))


def _hide(match: re.Match[str]) -> str:
    if match["pem"]:
        return HIDDEN
    return (match["name"] or match["scheme"] or match["url"] or "") + HIDDEN
