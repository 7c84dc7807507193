"""Prefetch: tell the processor what a loop over rows will read soon.

A row fills a cache line, and memory hands over one after the other in three nanoseconds each; asked for early, in half of
that. It changes no result: with the compiler switched off it does nothing.

    prefetch(rows, i)   row i of an array of records will be read soon; beyond the end nothing happens
"""

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

from polaris.domain.kernel import JIT

tools: Any = cgutils  # its stubs do not know `ir`


def compiled(typing: Any, rows: Any, i: Any) -> Any:
    """The processor's own instruction, by way of LLVM's: to read, data, kept in every cache."""

    def ask(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, number = tools.voidptr_t, tools.int32_t
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        where = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        kind = tools.ir.FunctionType(tools.ir.VoidType(), [pointer, number, number, number])
        builder.call(tools.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8"), [where, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(rows, types.intp), ask


def plain(rows: Any, i: int) -> None:
    """Nothing to do."""


prefetch: Any = intrinsic(compiled) if JIT else plain
