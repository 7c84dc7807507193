"""Fused: the kernels of a bank as one compiled call, and the whole desk with them as another.

A call from Python into compiled code costs about as much as a kernel's work on one boundary. So a small module is written
that imports every kernel's function by its name and calls them in their order, over the same memories; it lies in the
folder of the compiled code, to be read. The arithmetic is each kernel's own, so the columns are the same, bit for bit.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from polaris.domain.kernel import JIT, PACKAGE, written

if TYPE_CHECKING:
    from polaris.desk.columns import Kernel


def fused(kernels: "Sequence[Kernel]") -> ModuleType | None:
    """run(tops, depth, columns, inputs, params, memory) of all of them, see `Bank`; fold(rows, ...) around it, see `desk.fold`.

    None where there is nothing to fuse: the compiler is off, or a kernel's function is not compiled or has no name to import it by.
    """
    if not JIT or not all(importable(kernel.run) for kernel in kernels):
        return None
    return written("bank", text(kernels))


def importable(run: Any) -> bool:
    """Whether `from module import name` gives this very function, a compiled one."""
    found = getattr(sys.modules.get(run.__module__), run.__qualname__, None)
    return found is run and run.__module__ != "__main__" and hasattr(run, "py_func")


def text(kernels: "Sequence[Kernel]") -> str:
    """The module's source."""
    imports, calls = [], []
    inputs = first = params = 0
    for at, kernel in enumerate(kernels):
        run: Any = kernel.run
        imports.append(f"from {run.__module__} import {run.__qualname__} as run_{at}{_edition(run)}")
        inputs_end, params_end = inputs + len(kernel.inputs), params + len(kernel.params)
        calls.append(f'    run_{at}(tops, depth, columns, inputs[{inputs}:{inputs_end}], {first}, memory["m{at}"], params[{params}:{params_end}])')
        inputs, first, params = inputs_end, first + len(kernel.outputs), params_end
    return "\n".join(
        [
            '"""The kernels of a bank as one compiled call, and the desk around them, written by `polaris.desk.fused`, which says why.',
            "",
            "Kernel i keeps its memory in the field m<i>; its inputs, params and outputs are where `desk.columns.Bank` puts them.",
            '"""',
            "",
            *imports,
            "from polaris.desk.fold import fold as folded",
            "from polaris.domain.kernel import kernel",
            "",
            "",
            "@kernel",
            "def run(tops, depth, columns, inputs, params, memory):",
            '    """Every kernel in order; see `desk.columns`."""',
            *calls,
            "",
            "",
            "@kernel",
            "def fold(rows, start, progress, market, block, bank, core, records, n):",
            '    """Market, bank and decision over rows; see `desk.fold`."""',
            "    return folded(run, rows, start, progress, market, block, bank, core, records, n)",
            "",
        ]
    )


def _edition(run: Any) -> str:
    """Names the edition of a file that is not in this package: numba would not notice an edit in it from here."""
    path = Path(sys.modules[run.__module__].__file__ or "")
    return "" if path.is_relative_to(PACKAGE) else f"  # edition {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
