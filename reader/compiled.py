"""Loops over numbers that are compiled for this processor when they are first needed, and kept in the cache folder.

A decoder that answers computes one token at a time. The matrix libraries are slow at that, and a plain loop is as fast as the
machine's memory.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType
from typing import Any

_folder: Path | None = None


def keep_compiled(folder: Path) -> None:
    """Keep in this folder what is compiled from now on, if it can be written."""
    global _folder
    _folder = folder


def was_compiled(loop: Callable[..., Any]) -> bool:
    """Whether a loop was compiled before and kept, so that it is loaded in milliseconds."""
    return _folder is not None and any(_folder.glob(f"*/*.{loop.__name__}-*"))


@functools.cache
def compiled(
    loop: Callable[..., Any],
    arguments: str,
    *,
    reorders: bool = False,
    calls: tuple[Callable[..., Any], ...] = (),
    instructions: Callable[[], Mapping[str, Any]] = dict,
) -> Callable[..., Any] | None:
    """A compiled function over NumPy arrays and numbers. Other threads of Python run while it runs.

    Args:
        arguments: their types in numba's notation.
        reorders: sums of floats may be added in another order, which lets the processor add several at once.
        calls: the functions that the loop and these functions call. No two of their modules may give a name two meanings.
        instructions: makes what else they call, by name; raises where this processor does not have it.

    Returns:
        None where numba does not work, such as on a processor that it does not know.
    """
    # Without a folder of our own that can be written, numba would write beside the source.
    for is_kept in (True, False) if _folder is not None and _can_write(_folder) else (False,):
        try:
            import llvmlite.binding
            import numba
            from numba.core import config

            # Loops over int8 then use the whole width of the processor, not a quarter of it for sums of four bytes.
            llvmlite.binding.set_option("", "-vectorizer-maximize-bandwidth")
            if is_kept:
                config.CACHE_DIR = str(_folder)  # type: ignore[attr-defined]
            fast = {"reassoc", "nsz", "contract"} if reorders else False
            known = {name: each for own in (*calls, loop) for name, each in own.__globals__.items()}
            known |= instructions()
            for each in calls:
                known[each.__name__] = numba.njit(nogil=True, fastmath=fast)(_knowing(known, each))
            own = _knowing(known, loop)
            if is_kept:
                own.__qualname__ += f"-{_digest(known, loop, *calls)}"
            return numba.njit(arguments, nogil=True, cache=is_kept, fastmath=fast)(own)
        except Exception:  # a full disk, for one; whatever is wrong with numba, the reader works without it
            continue
    return None


def processor_features() -> str:
    """The features of this processor in LLVM's notation, such as "+avx2,-avx512f"."""
    from numba.core import codegen, config

    return str(config.CPU_FEATURES or codegen.get_host_cpu_features())  # type: ignore[attr-defined]


def byte_dot(builder: Any, width: int) -> Callable[[Any, Any, Any], Any]:
    """Emits what adds to each 32-bit sum the products of its four unsigned and signed bytes, of so many bytes (VNNI)."""
    from llvmlite import ir

    sums = ir.VectorType(ir.IntType(32), width // 4)
    in_one = llvm_function(builder, f"llvm.x86.avx512.vpdpbusd.{8 * width}", sums, sums, sums, sums)
    return lambda total, one, other: builder.call(
        in_one, [total, builder.bitcast(one, sums), builder.bitcast(other, sums)]
    )


def llvm_function(builder: Any, name: str, result: Any, *own: Any) -> Any:
    """A function of LLVM's, with the types of its result and its arguments."""
    from llvmlite import ir
    from numba.core import cgutils

    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, own), name)


def run_together(calls: Sequence[Callable[[], object]]) -> None:
    """Run all at the same time, the first in this thread."""
    others = [_pool(len(calls)).submit(call) for call in calls[1:]]
    calls[0]()
    for other in others:
        other.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "loops")


def _knowing(names: dict[str, Any], function: Callable[..., Any]) -> FunctionType:
    """The same function with these global names."""
    same = FunctionType(function.__code__, names, function.__name__)
    same.__module__, same.__qualname__ = function.__module__, function.__qualname__
    return same


def _digest(names: Mapping[str, Any], *functions: Callable[..., Any]) -> str:
    """Of what a loop is compiled from: numba itself only looks at the date and the size of the file that the loop is in."""
    files = sorted({__file__, *(function.__code__.co_filename for function in functions)})
    numbers = sorted(f"{name}={value}" for name, value in names.items() if isinstance(value, int))
    return hashlib.sha256(b"".join([Path(file).read_bytes() for file in files] + [repr(numbers).encode()])).hexdigest()[
        :12
    ]


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
