"""A register as bytes, and the register those bytes stand for.

What was ever used of its memory, as it is: equal folds leave equal bytes, so the digest of a register is that of its bytes, and who goes on
from them goes on as if it had never stopped.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from polaris.exchange.gateway import register_memory as r
from polaris.exchange.gateway.register import Register

TABLES: Final = (r.BY_ID, r.BY_NAME, r.BY_LIST)
POOLS: Final = (r.ORDERS, r.TRADES, r.ORDER_LISTS, r.PREVENTIONS, r.AMENDMENTS, r.PAIRS)
SHAPE: Final = [  # what two registers must have in common, beside how much of it is used
    *range(r.ACCOUNTS, r.LISTS + 1), r.AT_TRADE_IDS, r.AT_PAIRS,
    *(table + word for table in TABLES for word in (r.AT, r.MOST)), *(pool + word for pool in POOLS for word in (r.AT, r.WORDS, r.END)),
]  # fmt: skip


def to_bytes(register: Register) -> bytes:
    """Everything the register knows."""
    return b"".join(register.memory[part].tobytes() for part in _parts(register.memory))


def digest(register: Register) -> str:
    """32 hex digits of everything the register knows."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in _parts(register.memory):
        hashed.update(register.memory[part].data)
    return hashed.hexdigest()


def from_bytes(register: Register, data: bytes) -> Register:
    """Put into an empty register what `to_bytes` told of another.

    returns  the register
    raises   ValueError where these are no bytes of a register of the same size
    """
    memory, header = register.memory, 8 * r.AT_ACCOUNTS
    told = np.frombuffer(data[: len(data) // 8 * 8], np.int64)
    if len(data) % 8 or len(data) < header or not np.array_equal(told[SHAPE], memory[SHAPE]) or not _is_whole(told):
        raise ValueError(f"these are no bytes of a register of {memory[r.ACCOUNTS]} accounts and {memory[r.BOOKS]} books")
    kept = memory[r.AT_ACCOUNTS : memory[r.AT_TRADE_IDS] : r.ACCOUNT_WORDS].copy()
    memory[: r.AT_ACCOUNTS] = told[: r.AT_ACCOUNTS]
    at = 0
    for part in _parts(memory):
        words = part.stop - part.start
        memory[part] = told[at : at + words]
        at += words
    memory[r.AT_ACCOUNTS : memory[r.AT_TRADE_IDS] : r.ACCOUNT_WORDS] = kept
    pairs = np.arange(memory[r.PAIRS + r.AT], memory[r.PAIRS + r.TOP], r.PAIR_WORDS)
    owners = memory[pairs + 1]
    memory[memory[r.AT_PAIRS] + (owners & 0xFFFFFFFF) * memory[r.BOOKS] + (owners >> 32)] = pairs
    return register


def _parts(memory: npt.NDArray[np.int64]) -> Iterator[slice]:
    """What was used: the header with accounts and trade ids, of each table its buckets, of each pool its rows."""
    yield slice(0, int(memory[r.AT_PAIRS]))
    for table in TABLES:
        at = int(memory[table + r.AT])
        yield slice(at, at + int(memory[table + r.MASK]) + 1)
    for pool in POOLS:
        yield slice(int(memory[pool + r.AT]), int(memory[pool + r.TOP]))


def _is_whole(told: npt.NDArray[np.int64]) -> bool:
    """Whether a header tells of as many words as are there."""
    within = all(told[table + r.MASK] < told[table + r.MOST] for table in TABLES) and all(told[pool + r.AT] <= told[pool + r.TOP] <= told[pool + r.END] for pool in POOLS)
    return within and sum(part.stop - part.start for part in _parts(told)) == len(told)
