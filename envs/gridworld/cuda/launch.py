"""How PTX gets onto a GPU: devices by name, kernels loaded and launched."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from cuda.core import Device, LaunchConfig, ObjectCode, Stream, launch

from operant.envs.gridworld.cuda.build import BLOCK, Program


def cuda_device(name: str) -> torch.device:
    """Return a device.

    Args:
        name: ``"cuda"`` for torch's current GPU, or ``"cuda:<index>"``.

    Raises:
        ValueError: If there is no such GPU.
    """
    if not torch.cuda.is_available():
        remedy = (
            f"torch {torch.__version__} was built without CUDA: install a build that has it"
            if torch.version.cuda is None
            else "torch finds no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES"
        )
        raise ValueError(f"device must be 'cpu' on this machine, got {name!r}; {remedy}")
    index = torch.cuda.current_device() if name == "cuda" else torch.device(name).index
    count = torch.cuda.device_count()
    if index >= count:
        raise ValueError(f"device must be 'cuda:<index>' with an index < {count}, got {name!r}")
    return torch.device("cuda", index)


class CudaKernel:
    """A program, loaded into a device; its arguments are N and addresses of arrays."""

    def __init__(self, program: Program, device: torch.device) -> None:
        """Have the driver translate it."""
        self._device = device
        with torch.cuda.device(device):
            Device(device.index).set_current()  # cuda.core asks, though torch has done so
            self._kernel = ObjectCode.from_ptx(program.ptx.encode()).get_kernel(program.name)

    def __call__(self, num: int, tensors: Iterable[torch.Tensor]) -> None:
        """Run one thread for each of N rows, on torch's current stream."""
        blocks = LaunchConfig(grid=-(-num // BLOCK), block=BLOCK)
        addresses = [tensor.data_ptr() for tensor in tensors]  # launch takes ints as 64-bit words
        with torch.cuda.device(self._device):
            stream = _stream(torch.cuda.current_stream().cuda_stream)
            launch(stream, blocks, self._kernel, num, *addresses)


@functools.cache
def _stream(handle: int) -> Stream:
    """Return torch's stream as cuda.core's; making one costs as much as a launch."""
    return Stream.from_handle(handle)
