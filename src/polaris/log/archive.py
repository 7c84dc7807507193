"""Log rows as Parquet: by column, small, read by every tool of the field, and back bit for bit.

Seqs and times hardly differ from row to row, so they are stored as differences; all columns are compressed with zstd.
The file's metadata says which schema of ROW it holds.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from polaris.domain.errors import BadData
from polaris.domain.market import ROW, SCHEMA_VERSION, Rows
from polaris.log.read import rows_of

_VERSION = b"polaris.row_schema"
_SCHEMA = pa.schema(
    [pa.field(name, pa.from_numpy_dtype(ROW[name]), nullable=False) for name in ROW.names or ()],
    metadata={_VERSION: str(SCHEMA_VERSION)},
)
_DICTIONARY = ["instrument", "kind", "flags"]
_DELTA = {name: "DELTA_BINARY_PACKED" for name in ROW.names or () if name not in _DICTIONARY}


def write_parquet(path: Path | str, rows: Rows | Iterable[Rows], row_group: int = 1_000_000) -> int:
    """Write rows (one array, or arrays in order) to `path`, whole or not at all; returns how many."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    written = 0
    with pq.ParquetWriter(partial, _SCHEMA, compression="zstd", use_dictionary=_DICTIONARY, column_encoding=_DELTA) as writer:
        for array in [rows] if isinstance(rows, np.ndarray) else rows:
            columns = [np.ascontiguousarray(array[name]) for name in _SCHEMA.names]
            writer.write_table(pa.Table.from_arrays([pa.array(column) for column in columns], schema=_SCHEMA), row_group_size=row_group)
            written += len(array)
    os.replace(partial, path)
    return written


def read_parquet(path: Path | str) -> Rows:
    """The rows of an archive, equal to those written to the last bit. Raises BadData where the file is no such archive."""
    try:
        table: Any = pq.read_table(path)
    except (pa.ArrowException, OSError) as cause:
        raise BadData(f"{path}: expected a Parquet file of rows: {cause}") from cause
    version = (table.schema.metadata or {}).get(_VERSION)
    if version != str(SCHEMA_VERSION).encode():
        raise BadData(f"{path}: expected row schema {SCHEMA_VERSION} in its metadata, found {version.decode() if version else 'none'}")
    if table.schema.names != _SCHEMA.names:
        raise BadData(f"{path}: expected the columns {_SCHEMA.names}, found {table.schema.names}")
    rows = np.zeros(table.num_rows, ROW)
    for name in _SCHEMA.names:
        rows[name] = table.column(name).to_numpy()
    return rows


def archive(directory: Path | str, path: Path | str, from_seq: int = 1, to_seq: int | None = None) -> int:
    """Write every row the core saw (see `rows_of`) of a log to Parquet; returns how many."""
    return write_parquet(path, rows_of(directory, from_seq, to_seq))
