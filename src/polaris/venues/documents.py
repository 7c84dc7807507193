"""A venue's documents as typed structs: one table says what each kind of them is.

A document that is not what its kind says fails with the place where it differs. A field that nobody knows is no
failure: venues add fields at any time. It is counted, so that a change of theirs can be seen.

Numbers keep the digits the venue wrote: a text stays that text, checked to be a number, and a JSON number becomes a
Decimal of the same digits. None passes through a float.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import inspect

from polaris.domain.errors import BadMessage
from polaris.venues.reading import UNREADABLE

_NUMBER = r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"
Number = Annotated[str, msgspec.Meta(pattern=rf"^{_NUMBER}\Z")]  # a number as text: "0.00100000"
NumberOrEmpty = Annotated[str, msgspec.Meta(pattern=rf"^({_NUMBER})?\Z")]  # "" where the venue has none


class Documents:
    """The kinds of documents of one venue.

    venue           named in errors
    kinds           kind -> the type of its documents, anything msgspec decodes
    unknown_fields  how many were met so far
    """

    def __init__(self, venue: str, kinds: Mapping[str, Any]) -> None:
        self.venue = venue
        self.unknown_fields = 0
        self._decoders = {kind: msgspec.json.Decoder(shape) for kind, shape in kinds.items()}
        self._shapes = {kind: inspect.type_info(shape) for kind, shape in kinds.items()}

    @property
    def kinds(self) -> list[str]:
        """Every kind there is."""
        return list(self._shapes)

    def decode(self, kind: str, body: bytes) -> Any:
        """Read one document. Raises BadMessage naming the field that differs and what was expected there."""
        try:
            read = self._decoders[kind].decode(body)
            self.unknown_fields += unknown_fields(msgspec.json.decode(body), self._shapes[kind])
        except msgspec.ValidationError as cause:  # no word of its content: it may be somebody's account, or a token
            raise BadMessage(self.venue, f"no {kind} document: {cause}") from cause
        except UNREADABLE as cause:
            raise BadMessage(self.venue, f"no {kind} document: {cause}", body) from cause
        return read


def unknown_fields(value: Any, shape: inspect.Type) -> int:
    """How many fields of a decoded JSON value its type does not know, at any depth.

    shape  what `msgspec.inspect.type_info` says of the type that the value was decoded to
    """
    match shape:
        case inspect.StructType(fields=fields, array_like=True) if isinstance(value, list):
            return max(0, len(value) - len(fields)) + sum(unknown_fields(each, field.type) for each, field in zip(value, fields, strict=False))
        case inspect.StructType(fields=fields) if isinstance(value, dict):
            known = {field.encode_name: field.type for field in fields}
            tag = shape.tag_field
            return sum(unknown_fields(each, known[name]) if name in known else name != tag for name, each in value.items())
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item) if isinstance(value, list):
            return sum(unknown_fields(each, item) for each in value)
        case inspect.TupleType(item_types=items) if isinstance(value, list):
            return sum(unknown_fields(each, item) for each, item in zip(value, items, strict=False))
        case inspect.DictType(value_type=item) if isinstance(value, dict):
            return sum(unknown_fields(each, item) for each in value.values())
        case inspect.UnionType(types=types):
            return min((unknown_fields(value, each) for each in types if _fits(value, each)), default=0)
        case _:
            return 0


def _fits(value: Any, shape: inspect.Type) -> bool:
    """Whether a value may have been decoded to this member of a union."""
    match shape:
        case inspect.StructType(array_like=True) | inspect.ListType() | inspect.TupleType() | inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.StructType(tag_field=tag_field, tag=tag):
            return isinstance(value, dict) and (tag_field is None or value.get(tag_field) == tag)
        case inspect.DictType():
            return isinstance(value, dict)
        case _:
            return not isinstance(value, dict | list)
