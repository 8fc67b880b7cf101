"""Large tensors lie in large pages where the system has them, and are what they would be anywhere else."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import pytest
import torch

from reader import huge_pages

MOST = 8 << 20


@pytest.mark.parametrize("shape", [(0,), (3, 5), (2, 1, 4, 1 << 18), (1, MOST - 7)])
@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16, torch.float32])
def test_a_tensor_keeps_what_is_written_to_it(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = huge_pages.empty(*shape, dtype=dtype)
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == (shape, dtype, True)
    numbers = torch.arange(tensor.numel()).remainder(100).to(dtype).view(shape)
    tensor.copy_(numbers)
    del numbers
    assert torch.equal(tensor.flatten(), torch.arange(tensor.numel()).remainder(100).to(dtype))


def test_a_large_one_lies_in_large_pages() -> None:
    if not Path("/sys/kernel/mm/transparent_hugepage/enabled").exists() or not hasattr(mmap, "MADV_HUGEPAGE"):
        pytest.skip("this system has no large pages for those who ask")
    tensor = huge_pages.empty(MOST, dtype=torch.int8).zero_()
    place, advised = range(0), []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            place = range(int(found[1], 16), int(found[2], 16))
        elif line.startswith("VmFlags:") and "hg" in line.split():
            advised.append(place)
    first = tensor.data_ptr()
    assert any(first in place and first + MOST - 1 in place for place in advised)


def test_without_them_it_is_a_tensor_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> mmap.mmap:
        raise OSError("no room for a mapping")

    monkeypatch.setattr(mmap, "mmap", refuse)
    tensor = huge_pages.empty(2, MOST, dtype=torch.int8).fill_(3)
    assert int(tensor.sum(dtype=torch.int64)) == 6 * MOST
