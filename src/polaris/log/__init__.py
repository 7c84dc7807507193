"""The record: whatever can change a decision is here, with one seq, before it is acted on.

format (the bytes), segments (one file, checked), write (append), sequencer (the only writer), read (blocks, rows, tail),
recovery (what a crash left), archive (rows as Parquet). State is a fold over this log: recovery is replay, audit is the log.
"""
