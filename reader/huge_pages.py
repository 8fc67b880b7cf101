"""Memory in pages of 2 MB instead of 4 KB, where the system has them.

For each token of an answer, a decoder reads its weights from end to end. The processor looks up where each page is, and with small
pages that takes a sixth of the time. A document's memory, which is read for each token, too, stays in small pages: virtual machines
take several times as long to provide fresh large ones, and the first word of an answer would come later.
"""

from __future__ import annotations

import math
import mmap

import torch
from torch import Tensor

_PAGE = 2 << 20


def empty(*shape: int, dtype: torch.dtype) -> Tensor:
    """A new tensor on the CPU, like that of `torch.empty`, in large pages as far as it fills them."""
    size = math.prod(shape) * dtype.itemsize
    advice = getattr(mmap, "MADV_HUGEPAGE", None)  # Linux only
    if size < _PAGE or advice is None:
        return torch.empty(shape, dtype=dtype)
    try:
        # Longer by a page, so that the tensor can begin where a page does.
        region = mmap.mmap(-1, size + _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        region.madvise(advice)
    except OSError:
        # A system without them, or a limit of the process: if there is no room at all, the library says so.
        return torch.empty(shape, dtype=dtype)
    start = -torch.frombuffer(region, dtype=torch.uint8).data_ptr() % _PAGE
    return torch.frombuffer(region, dtype=dtype, count=math.prod(shape), offset=start).view(shape)
