"""Documents made from their types, and every place in one where something may be missing, wrong or new."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

DEEPEST = 8  # levels: an order may hold orders

TEXTS = ("1", "ws://127.0.0.1")  # one of them fits whatever is asked of a text

WRONG: tuple[Any, ...] = ("no such thing", [], {}, None, -(2**63))  # each is wrong for most types


@dataclass(frozen=True)
class Place:
    """An object of a struct's type within a document.

    keys   the way to it from the root
    path   the same as errors write it: "$.orders[0]"
    shape  its type
    """

    keys: tuple[str | int, ...]
    path: str
    shape: inspect.StructType

    @property
    def suffix(self) -> str:
        """How an error ends that tells of this place; the root is not named."""
        return f" - at `{self.path}`" if self.keys else ""

    def of(self, document: Any) -> Any:
        """The object itself."""
        for key in self.keys:
            document = document[key]
        return document

    def without(self, document: Any, name: str) -> bytes:
        """The document less one field here."""
        changed = copy.deepcopy(document)
        del self.of(changed)[name]
        return msgspec.json.encode(changed)

    def with_field(self, document: Any, name: str | int, value: Any) -> bytes:
        """The document with one field of another value, or a new one."""
        changed = copy.deepcopy(document)
        self.of(changed)[name] = value
        return msgspec.json.encode(changed)

    def with_items(self, document: Any, items: list[Any]) -> bytes:
        """The document with another list here."""
        changed = copy.deepcopy(document)
        self.of(changed)[:] = items
        return msgspec.json.encode(changed)


def sample(shape: inspect.Type, depth: int = 0) -> Any:
    """A JSON value of this type: every field, one of every list, the first member of a union that is not None."""
    match shape:
        case inspect.StructType(fields=fields, array_like=True):
            return [sample(field.type, depth + 1) for field in fields]
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            made = {field.encode_name: sample(field.type, depth + 1) for field in fields}
            return {tag_field: tag, **made} if tag_field else made
        case inspect.ListType(item_type=item, max_length=most) | inspect.VarTupleType(item_type=item, max_length=most):
            return [] if most == 0 or depth > DEEPEST else [sample(item, depth + 1)]
        case inspect.TupleType(item_types=items):
            return [sample(item, depth + 1) for item in items]
        case inspect.DictType(value_type=value):
            return {"key": sample(value, depth + 1)}
        case inspect.UnionType(types=types):
            return sample(next(each for each in types if not isinstance(each, inspect.NoneType)), depth)
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=least):
            return least or 1
        case inspect.BoolType():
            return True
        case inspect.FloatType():
            return 0.5
        case inspect.StrType(pattern=str(pattern)):
            return next(text for text in TEXTS if re.search(pattern, text))
        case _:
            return "1"  # a text, a number as text, a decimal, anything


def places(document: Any, shape: inspect.Type, keys: tuple[str | int, ...] = (), path: str = "$") -> Iterator[Place]:
    """Every object of a struct's type in a document of a type."""
    match shape:
        case inspect.StructType(fields=fields, array_like=True) if isinstance(document, list):
            yield Place(keys, path, shape)
            for place, (each, field) in enumerate(zip(document, fields, strict=False)):
                yield from places(each, field.type, (*keys, place), f"{path}[{place}]")
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag) if isinstance(document, dict):
            if tag_field is None or document.get(tag_field) == tag:
                yield Place(keys, path, shape)
                for field in fields:
                    if field.encode_name in document:
                        yield from places(document[field.encode_name], field.type, (*keys, field.encode_name), f"{path}.{field.encode_name}")
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item) if isinstance(document, list):
            for place, each in enumerate(document):
                yield from places(each, item, (*keys, place), f"{path}[{place}]")
        case inspect.TupleType(item_types=items) if isinstance(document, list):
            for place, (each, item) in enumerate(zip(document, items, strict=False)):
                yield from places(each, item, (*keys, place), f"{path}[{place}]")
        case inspect.DictType(value_type=value) if isinstance(document, dict):
            for key, each in document.items():
                yield from places(each, value, (*keys, key), f"{path}[...]")
        case inspect.UnionType(types=types):
            for each in types:
                yield from places(document, each, keys, path)


def takes_anything(shape: inspect.Type) -> bool:
    """Whether no value is wrong for a type."""
    return isinstance(shape, inspect.AnyType | inspect.RawType)
