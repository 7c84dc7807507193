"""Rows as Parquet and back."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polaris.domain.errors import BadData
from polaris.domain.market import ROW
from polaris.log.archive import archive, read_parquet, write_parquet
from polaris.log.read import rows_of


def test_rows_come_back_bit_for_bit_whatever_they_hold(tmp_path):
    random = np.random.default_rng(3)
    rows = np.frombuffer(random.bytes(64 * 5_000), ROW)  # any bits at all, extremes of every field among them
    assert write_parquet(tmp_path / "rows.parquet", rows, row_group=700) == 5_000
    assert read_parquet(tmp_path / "rows.parquet").tobytes() == rows.tobytes()
    assert not list(tmp_path.glob("*.partial"))


def test_a_log_is_archived_with_the_control_rows_the_core_heard(small_log, tmp_path):
    assert archive(small_log, tmp_path / "a.parquet") == 7
    assert read_parquet(tmp_path / "a.parquet").tobytes() == rows_of(small_log).tobytes()
    assert archive(small_log, tmp_path / "b.parquet", 5, 6) == 2


def test_several_arrays_become_one_archive_in_their_order(tmp_path, rows):
    parts = [rows(10, seed=1), rows(0), rows(5, seed=2)]
    assert write_parquet(tmp_path / "a.parquet", iter(parts)) == 15
    assert read_parquet(tmp_path / "a.parquet").tobytes() == b"".join(part.tobytes() for part in parts)


def test_no_rows_are_an_archive_too(tmp_path, rows):
    write_parquet(tmp_path / "a.parquet", rows(0))
    assert len(read_parquet(tmp_path / "a.parquet")) == 0


def test_the_file_says_its_schema_version_and_another_is_refused(tmp_path, rows):
    path = tmp_path / "a.parquet"
    write_parquet(path, rows(3))
    schema = pq.read_schema(path)
    assert schema.metadata[b"polaris.row_schema"] == b"1" and schema.names == list(ROW.names)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"polaris.row_schema": b"9"}), path)
    with pytest.raises(BadData, match="expected row schema 1 in its metadata, found 9"):
        read_parquet(path)
    pq.write_table(table.drop(["flags"]), path)
    with pytest.raises(BadData, match="expected the columns"):
        read_parquet(path)


def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(BadData, match=r"a\.parquet: expected a Parquet file of rows"):
        read_parquet(tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "b.parquet")
    with pytest.raises(BadData, match="found none"):
        read_parquet(tmp_path / "b.parquet")


def test_a_write_that_fails_leaves_the_old_archive(tmp_path, rows):
    path = tmp_path / "a.parquet"
    write_parquet(path, rows(3))

    def failing():
        yield rows(2)
        raise RuntimeError("the log ended badly")

    with pytest.raises(RuntimeError):
        write_parquet(path, failing())
    assert len(read_parquet(path)) == 3
