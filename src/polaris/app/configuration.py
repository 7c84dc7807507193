"""How settings are read: layers of key and value become one frozen tree, and every refusal says where and what to write.

A layer is a file, the environment, or the command line; a later layer wins key by key. The tree's types decide what a
value may be, so a room that adds a field to its settings struct has its key in the file, in the environment, in
`polaris config show` and in the example file at once. Nothing is guessed: an unknown key, a wrong type and a number out
of range are refused by name.
"""

import ast
import difflib
import inspect
import math
import re
import textwrap
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from polaris.app.secret import SecretReference
from polaris.domain.errors import BadConfig

Tree = TypeVar("Tree", bound=msgspec.Struct)
KeyPath = tuple[str, ...]

DEFAULT: Final = "default"
ENVIRONMENT_PREFIX: Final = "POLARIS_"
NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]+)")


@dataclass
class Layer:
    """Key paths and their raw values from one place.

    origin  names the place of a key in messages: "polaris.toml", "environment POLARIS_RISK__MAX_DAILY_LOSS"
    texts   the values are all text, as an environment gives them
    """

    values: dict[str, Any]
    origin: str
    texts: bool = False
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def origin_of(self, path: KeyPath) -> str:
        """Where this key was set."""
        return self.origins.get(path, self.origin)


@dataclass(frozen=True)
class Loaded(Generic[Tree]):
    """A settings tree and where each of its values came from."""

    settings: Tree
    origins: Mapping[KeyPath, str]


def file_layer(path: Path) -> Layer:
    """The layer of one TOML file. Raises BadConfig where it can't be read."""
    try:
        return Layer(tomllib.loads(path.read_text("utf-8")), str(path))
    except tomllib.TOMLDecodeError as cause:
        raise BadConfig(f"{path} is not TOML: {cause}") from cause
    except (OSError, UnicodeDecodeError) as cause:
        raise BadConfig(f"{path} can't be read: {cause}") from cause


def environment_layer(root: type[msgspec.Struct], environ: Mapping[str, str]) -> Layer:
    """The layer of POLARIS_SECTION__KEY variables; a name without `__` counts only where it is a top-level key.

    Others, such as a secret that a setting refers to, are left alone.
    """
    layer = Layer({}, "environment", texts=True)
    top = {name for name, kind in fields_of(root) if not _is_struct(kind)}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        path = tuple(part.lower() for part in variable.removeprefix(ENVIRONMENT_PREFIX).split("__"))
        if not all(path) or (len(path) == 1 and path[0] not in top):
            continue
        place = layer.values
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = environ[variable]
        layer.origins[path] = f"environment {variable}"
    return layer


def build(root: type[Tree], layers: list[Layer]) -> Loaded[Tree]:
    """Merge the layers, later ones winning, into one tree.

    raises  BadConfig naming the key, what was found, what would be right, and the place it was set
    """
    values: dict[KeyPath, Any] = {}
    origins: dict[KeyPath, str] = {}
    for layer in layers:
        for path, value in _leaves(root, layer, layer.values, ()):
            values[path] = value
            origins[path] = layer.origin_of(path)
    settings = _construct(root(), values, origins, ())
    for path, _ in leaf_fields(root):
        origins.setdefault(path, DEFAULT)
    return Loaded(settings, origins)


def duration_ns(text: str) -> int:
    """Read "10 s", "250 ms" or "1.5 h" as integer nanoseconds. Raises ValueError where it is no whole number of them."""
    match = _DURATION.fullmatch(text.strip().replace("µs", "us"))
    unit = NANOSECONDS.get(match[2]) if match else None
    if match is None or unit is None:
        raise ValueError(f"{text!r} is no duration; write a number and one of {', '.join(NANOSECONDS)}, such as '250 ms'")
    try:
        nanoseconds = Decimal(match[1]) * unit
    except InvalidOperation as cause:  # pragma: no cover - the pattern admits numbers only
        raise ValueError(f"{text!r} is no duration") from cause
    if nanoseconds != int(nanoseconds):
        raise ValueError(f"{text!r} is not a whole number of nanoseconds")
    return int(nanoseconds)


def duration_text(nanoseconds: int) -> str:
    """Write nanoseconds in the largest unit that keeps them whole: 10_000_000_000 is "10 s"."""
    if nanoseconds == 0:
        return "0 s"
    for unit in ("d", "h", "min", "s", "ms", "us"):
        if nanoseconds % NANOSECONDS[unit] == 0:
            return f"{nanoseconds // NANOSECONDS[unit]} {unit}"
    return f"{nanoseconds} ns"


def fields_of(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    """(name, type) of a struct's fields in order."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return [(info.name, hints[info.name]) for info in msgspec.structs.fields(struct)]


def leaf_fields(struct: type[msgspec.Struct], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """(key path, type) of every setting of a tree in order."""
    for name, kind in fields_of(struct):
        if _is_struct(kind):
            yield from leaf_fields(kind, (*path, name))
        else:
            yield (*path, name), kind


def value_at(settings: msgspec.Struct, path: KeyPath) -> Any:
    """The value of one key."""
    found: Any = settings
    for name in path:
        found = getattr(found, name)
    return found


def toml_value(value: Any, name: str) -> str:
    """Write one value as TOML; a duration in its largest whole unit, a secret as its reference."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if name.endswith("_ns"):
            return f'"{duration_text(value)}"'
        case int() | float():
            return f"{value:_}" if abs(value) >= 100_000 else repr(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        case SecretReference():
            return toml_value(value.where, name)
        case tuple() | list() | frozenset():
            return "[" + ", ".join(toml_value(item, name) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{_toml_key(key)} = {toml_value(item, key)}" for key, item in value.items()) + "}"
        case None:
            return '""'
        case msgspec.Struct():
            return toml_value(msgspec.structs.asdict(value), name)
        case _:
            return toml_value(msgspec.to_builtins(value), name)


def documentation(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What each field means: the comment beside or above it, else its line of the class docstring."""
    source = textwrap.dedent(inspect.getsource(struct))
    lines = source.splitlines()
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = _docstring_columns(ast.get_docstring(tree) or "")
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            trailing = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset or 0 :].strip()
            above: list[str] = []
            line = node.lineno - 2
            while line >= 0 and lines[line].strip().startswith("#"):
                above.insert(0, lines[line].strip().lstrip("# "))
                line -= 1
            comment = trailing.removeprefix("#").strip() or " ".join(above)
            if comment:
                found[node.target.id] = comment
    return found


def _leaves(struct: type[msgspec.Struct], layer: Layer, values: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    known = dict(fields_of(struct))
    for name, raw in values.items():
        key = (*path, name)
        if name not in known:
            raise BadConfig(_unknown(layer, key, list(known)))
        if not _is_struct(known[name]):
            yield key, _converted(known[name], raw, key, layer)
        elif isinstance(raw, Mapping):
            yield from _leaves(known[name], layer, raw, key)
        else:
            raise BadConfig(f"{layer.origin_of(key)}: {_dotted(key)} is a section of keys, not the value {raw!r}; write [{_dotted(key)}] above its keys")


def _unknown(layer: Layer, key: KeyPath, known: list[str]) -> str:
    if layer.texts:
        origin = next((text for path, text in layer.origins.items() if path[: len(key)] == key), layer.origin)
    else:
        origin = layer.origin_of(key)
    near = difflib.get_close_matches(key[-1], known, n=1, cutoff=0.5)
    hint = f"did you mean {_dotted((*key[:-1], near[0]))}?" if near else f"known here are {', '.join(known)}"
    return f"{origin}: unknown key {_dotted(key)}; {hint}"


def _converted(kind: Any, raw: Any, key: KeyPath, layer: Layer) -> Any:
    where = f"{layer.origin_of(key)}: {_dotted(key)}"
    plain = _plain(kind)
    if plain is SecretReference:
        return SecretReference.read(raw, where)
    value = _from_text(plain, raw) if layer.texts else raw
    if key[-1].endswith("_ns") and isinstance(value, str):
        try:
            value = duration_ns(value)
        except ValueError as cause:
            raise BadConfig(f"{where}: {cause}") from cause
    if (isinstance(value, bool) and plain in (int, float)) or not _finite(value):
        raise BadConfig(f"{where} is {raw!r}; expected {expected(kind, key[-1])}")
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as cause:
        limits = f" ({cause})" if isinstance(kind, _Annotated) or typing.get_origin(plain) in (tuple, list, dict) else ""
        raise BadConfig(f"{where} is {raw!r}; expected {expected(kind, key[-1])}{limits}") from cause


def _finite(value: Any) -> bool:
    """Whether no number in it is an infinity or no number at all: a limit of nan would forbid nothing."""
    match value:
        case float():
            return math.isfinite(value)
        case list() | tuple():
            return all(map(_finite, value))
        case dict():
            return all(map(_finite, value.values()))
        case _:
            return True


def _from_text(kind: Any, text: str) -> Any:
    """An environment's text as the TOML value it stands for; a bare word or a comma list needs no quotes."""
    if kind is str:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if typing.get_origin(kind) in (tuple, list):
            return [part.strip() for part in text.split(",") if part.strip()]
        return text


def expected(kind: Any, name: str) -> str:
    """In words, what a setting of this type takes."""
    kind = _plain(kind)
    if name.endswith("_ns") and kind is int:
        return "a duration such as '250 ms', or a whole number of nanoseconds"
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin in (tuple, list):
        return f"a list, each item {expected(arguments[0], '')}"
    if origin is dict:
        return f"a table, each value {expected(arguments[1], '')}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(expected(argument, name) for argument in arguments if argument is not type(None))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(repr(member.value) for member in kind)
    words = {int: "a whole number", float: "a finite number", str: "text", bool: "true or false", Any: "any value"}
    return words.get(kind, getattr(kind, "__name__", str(kind)))


def _construct(base: Tree, values: Mapping[KeyPath, Any], origins: Mapping[KeyPath, str], path: KeyPath) -> Tree:
    """`base` with the values under `path` in their places; each struct checks its own again."""
    changed: dict[str, Any] = {}
    for name, kind in fields_of(type(base)):
        key = (*path, name)
        if _is_struct(kind):
            changed[name] = _construct(getattr(base, name), values, origins, key)
        elif key in values:
            changed[name] = values[key]
    try:
        return msgspec.structs.replace(base, **changed)
    except (ValueError, BadConfig) as cause:
        places = sorted({origins[key] for key in values if key[:-1] == path})
        section = f"[{_dotted(path)}] " if path else ""
        raise BadConfig(f"{', '.join(places)}: {section}{cause}") from cause


_Annotated: Final = type(typing.Annotated[int, ""])


def _plain(kind: Any) -> Any:
    """The type without its Annotated limits and NewType names."""
    while True:
        if isinstance(kind, typing.NewType):
            kind = kind.__supertype__
        elif isinstance(kind, _Annotated):
            kind = typing.get_args(kind)[0]
        else:
            return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not issubclass(kind, SecretReference)


def _dotted(path: KeyPath) -> str:
    return ".".join(path)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key, "")


def _docstring_columns(docstring: str) -> dict[str, str]:
    """`name  what it is`, as the house writes its docstrings; a deeper line continues the one above."""
    found: dict[str, str] = {}
    name, column = "", 0
    for line in docstring.splitlines():
        match = re.fullmatch(r"(\s*)([a-z_][a-z0-9_]*)(\s{2,})(\S.*)", line)
        indent = len(line) - len(line.lstrip())
        if match:
            name, column = match[2], match.start(4)
            found[name] = match[4].strip()
        elif name and line.strip() and indent >= column:
            found[name] += " " + line.strip()
        else:
            name = ""
    return found
