"""The column bus: how market, features, alphas and the ensemble speak to each other.

The market kernel turns rows into one `TOP` for every row that closes an update (a boundary), with the ten best levels
beside it. Each further stage is a kernel that folds over these boundaries and writes its own columns; a later kernel
reads the columns of an earlier one by name. A kernel's memory is one record an instrument, so any split of the same
rows gives the same columns, bit for bit.

A kernel has this shape, whatever it computes:

    run(tops, depth, columns, inputs, first, state, params)
        tops     TOP[m]                  one an update, in order; instruments are mixed
        depth    int64[m, 4, LEVELS]     bid price, bid lots, ask price, ask lots; lots are 0 where a level is absent
        columns  float64[rows, m]        all columns; column c at boundary k is columns[c, k]
        inputs   int64[len(inputs)]      the rows of `columns` that hold the declared inputs
        first    int64                   output j goes to columns[first + j, k]
        state    record[instruments]     the kernel's memory; fields as its dtype declares them
        params   float64[len(params)]

It writes every output at every boundary, always finite; before its warm-up it writes 0. Depth and quotes may be the
same as at the boundary before where a trade made this one: `tops[k]["kind"]` says which. A book can be crossed for an
instant (bid >= ask): a kernel must survive it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from polaris.desk.fused import fused
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments

LEVELS: Final = 10

TOP = np.dtype(
    [
        ("ts", "<i8"),  # the desk's clock: ts_recv, never falling
        ("instrument", "<i4"),
        ("kind", "<i2"),  # of the row that closed the update: DEPTH, QUOTE, TRADE or BAR
        ("flags", "<i2"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_lots", "<i8"),
        ("price", "<i8"),  # TRADE: its price. BAR: the close. Else 0
        ("lots", "<i8"),  # TRADE: signed, positive where the taker bought. BAR: the volume. Else 0
    ]
)
assert TOP.itemsize == 64
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One stage of the bus: a compiled function, what it reads, what it writes, what it remembers.

    name     unique on the bus; also the prefix users know it by
    outputs  names of its columns, in order
    units    of each output, for people
    inputs   columns of earlier kernels that it reads
    run      the compiled function (see the module)
    state    dtype of its memory, one record an instrument
    params   float64s handed to every call
    warmup   boundaries of an instrument before its outputs mean anything
    start    fills the fresh state where zeros will not do: start(state, instruments)
    depth    whether it reads `depth`; where no kernel does, depth is not unfolded at all
    horizon_ns  alphas: how far ahead the forecast looks; 0 for features
    source   where the formula comes from
    """

    name: str
    outputs: tuple[str, ...]
    units: tuple[str, ...]
    run: Callable[..., None]
    state: np.dtype[Any]
    inputs: tuple[str, ...] = ()
    params: tuple[float, ...] = ()
    warmup: int = 0
    start: Callable[[Any, Instruments], None] | None = None
    depth: bool = True
    horizon_ns: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        if len(self.units) != len(self.outputs):
            raise BadConfig(f"kernel {self.name!r} names {len(self.outputs)} outputs but {len(self.units)} units")


@dataclass
class Bank:
    """Kernels in order, their memories, and the columns they share.

    memory  one record an instrument; field m<i> is kernel i's state. Inputs and params of all lie end to end likewise, so
            that one compiled call can run them all (see `desk.fused`)
    """

    kernels: Sequence[Kernel]
    instruments: Instruments
    capacity: int = 2048
    index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory: Any = np.zeros(len(self.instruments), np.dtype([(f"m{at}", kernel.state) for at, kernel in enumerate(self.kernels)], align=True))
        self.states: list[Any] = []
        self.inputs = np.zeros(sum(len(kernel.inputs) for kernel in self.kernels), np.int64)
        self.params = np.array([value for kernel in self.kernels for value in kernel.params], np.float64)
        self.calls: list[tuple[Callable[..., None], Any, int, Any, Any]] = []
        at_input = at_param = 0
        for at, kernel in enumerate(self.kernels):
            missing = [name for name in kernel.inputs if name not in self.index]
            if missing:
                raise BadConfig(f"kernel {kernel.name!r} reads {missing[0]!r}, which no earlier kernel writes; known are {', '.join(self.index) or 'none'}")
            inputs = self.inputs[at_input : at_input + len(kernel.inputs)]
            inputs[:] = [self.index[name] for name in kernel.inputs]
            params = self.params[at_param : at_param + len(kernel.params)]
            at_input, at_param = at_input + len(inputs), at_param + len(params)
            first = len(self.index)
            for name in kernel.outputs:
                if name in self.index:
                    raise BadConfig(f"kernel {kernel.name!r} writes {name!r}, which another kernel writes already")
                self.index[name] = len(self.index)
            state = self.memory[f"m{at}"]
            if kernel.start is not None:
                kernel.start(state, self.instruments)
            self.states.append(state)
            self.calls.append((kernel.run, inputs, first, state, params))
        self.fused = fused(self.kernels)
        self.columns: Floats = np.zeros((max(1, len(self.index)), self.capacity))

    def update(self, tops: Any, depth: Any) -> Floats:
        """Run every kernel over these boundaries; returns float64[columns, m], valid until the next call."""
        m = len(tops)
        if m > self.columns.shape[1]:
            self.columns = np.zeros((self.columns.shape[0], max(m, 2 * self.columns.shape[1])))
        run = self.fused.run if self.fused is not None else self.run
        run(tops, depth, self.columns, self.inputs, self.params, self.memory)
        return self.columns[:, :m]

    def run(self, tops: Any, depth: Any, columns: Floats, *_: Any) -> None:
        """Kernel by kernel, as `fused.run` does it in one call."""
        for run, inputs, first, state, params in self.calls:
            run(tops, depth, columns, inputs, first, state, params)

    def column(self, name: str) -> int:
        """The row of `columns` that holds `name`. Raises BadConfig naming the known ones."""
        try:
            return self.index[name]
        except KeyError:
            raise BadConfig(f"no column {name!r} on the bus; known are {', '.join(self.index)}") from None

    def names(self) -> Iterable[str]:
        """Column names in order."""
        return self.index.keys()
