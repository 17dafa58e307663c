"""Several processes that train one agent: what they must agree on, and how they are started.

Every rank has its own envs and collects its own rollout. A minibatch is the union of the ranks'
minibatches: gradients are averaged over all its transitions, advantages are normalised by all of
them, and the divergence that may end an update is theirs together. All ranks therefore hold the
same weights at every time, bit for bit.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Literal, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from operant.agents.native.normalisers import find_normalisers, running_moments
from operant.errors import MissingExtraError, OperantError


class RunningMoments(Protocol):
    """Mean, variance and count of what was seen so far, as Gymnasium's and SB3's normalisers."""

    mean: Any
    var: Any
    count: float


class Ranks:
    """The processes of ``torch.distributed``'s default group; a single one if there is none.

    Attributes:
        rank: Number of this process, from 0.
        world: How many there are.
    """

    def __init__(self) -> None:
        """Look whether a process group was initialised."""
        grouped = dist.is_available() and dist.is_initialized()
        self.rank = dist.get_rank() if grouped else 0
        self.world = dist.get_world_size() if grouped else 1
        self._known: dict[tuple[str, str], RunningMoments] = {}

    def total(self, value: Tensor) -> Tensor:
        """Return the sum over all ranks of a tensor, which is left as it is."""
        if self.world == 1:
            return value
        result = value.detach().clone()
        dist.all_reduce(result)
        return result

    def largest(self, value: int) -> int:
        """Return the largest of the ranks' numbers."""
        if self.world == 1:
            return value
        result = torch.tensor(value)
        dist.all_reduce(result, dist.ReduceOp.MAX)
        return int(result)

    def mean(self, value: Tensor, weight: int) -> Tensor:
        """Return the mean over all ranks of what is a mean over ``weight`` things in each."""
        if self.world == 1:
            return value
        sums = self.total(torch.cat([value.flatten() * weight, value.new_tensor([weight])]))
        return (sums[:-1] / sums[-1]).view_as(value)

    def agree(self, go_on: bool) -> bool:
        """Return whether all ranks want to go on."""
        return self.largest(int(not go_on)) == 0

    def even(self, minibatches: Iterable[Tensor]) -> Iterable[Tensor]:
        """Return the same rows in as many minibatches as every other rank has.

        Raises:
            OperantError: If this rank has fewer rows than that.
        """
        if self.world == 1:
            return minibatches
        given = list(minibatches)
        rows, count = torch.cat(given), self.largest(len(given))
        if len(rows) < count:
            raise OperantError(
                f"rank {self.rank} has {len(rows)} transitions for {count} minibatches; give all "
                "ranks as many envs, or choose a larger batch_size"
            )
        return torch.tensor_split(rows, count)

    def share(self, env: Any) -> None:
        """Let the normalisers among an env's layers know what all ranks have seen.

        Called at the same times in all ranks, first before anything was seen.
        """
        if self.world == 1:
            return
        for name, layer in find_normalisers(env).items():
            for path, moments in running_moments(layer):
                known = self._known.setdefault((name, path), copy.deepcopy(moments))
                self.merge(moments, known)
                self._known[name, path] = copy.deepcopy(moments)

    def normalized(self, column: Tensor) -> Tensor:
        """Return numbers, (B,), shifted and scaled to mean 0 and deviation 1 over all ranks."""
        if self.world == 1:
            return (column - column.mean()) / (column.std() + 1e-8) if len(column) > 1 else column
        wide = column.double()
        moments = self.total(
            torch.stack([wide.sum(), wide.square().sum(), wide.new_tensor(len(wide))])
        )
        total, squares, count = moments.tolist()
        if count < 2:
            return column
        mean = total / count
        variance = max(squares - count * mean**2, 0.0) / (count - 1)
        scaled: Tensor = (column - mean) / (variance**0.5 + 1e-8)
        return scaled

    def average_gradients(self, parameters: Iterable[Tensor], weight: int) -> None:
        """Replace gradients by their mean over the ranks.

        Args:
            parameters: All with gradients, or none if ``weight`` is 0.
            weight: Transitions that this rank's gradient is the mean of.
        """
        if self.world == 1:
            return
        chosen = list(parameters)
        for parameter in chosen:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in chosen if parameter.grad is not None]
        # One message: for networks of this size it is the number of messages that costs.
        flat = torch.cat(
            [weight * part.flatten() for part in gradients] + [gradients[0].new_tensor([weight])]
        )
        dist.all_reduce(flat)
        flat /= flat[-1].clone()
        sizes = [part.numel() for part in gradients]
        for part, mean in zip(gradients, torch.split(flat[:-1], sizes), strict=True):
            part.copy_(mean.view_as(part))

    def merge(self, moments: RunningMoments, before: RunningMoments) -> None:
        """Let a normaliser know what all ranks have seen since a common state.

        Args:
            moments: This rank's, replaced by all ranks' together.
            before: The common state, as it was.

        Source: Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (Chan,
        Golub & LeVeque, 1979), eq. 1.5.
        """
        if self.world == 1:
            return
        base, base_var = torch.as_tensor(before.mean).double(), torch.as_tensor(before.var).double()
        base_squares = base_var * before.count
        # Sums about the common mean may simply be added, and do not cancel where it is large.
        shift = torch.as_tensor(moments.mean).double() - base
        squares = torch.as_tensor(moments.var).double() * moments.count
        first = self.total(moments.count * shift)
        second = self.total(squares + moments.count * shift.square() - base_squares) + base_squares
        added = self.total(torch.tensor(moments.count - before.count, dtype=torch.float64))
        count = before.count + added
        moments.mean = (base + first / count).numpy()
        moments.var = (second / count - (first / count).square()).numpy()
        moments.count = float(count)


def join(backend: Literal["gloo", "nccl"] = "gloo") -> Ranks:
    """Join the other processes that ``torchrun`` started; agents built afterwards train together.

    Args:
        backend: ``"gloo"`` for networks on the CPU, ``"nccl"`` for those on GPUs.

    Raises:
        OperantError: If this process was not started by ``torchrun``.
    """
    if not dist.is_initialized():
        if "RANK" not in os.environ:
            raise OperantError(
                "there is nobody to join: start the program by torchrun --nproc-per-node 2 ..., or "
                "use operant.agents.native.parallel.launch"
            )
        dist.init_process_group(backend)
    return Ranks()


def launch(
    function: Callable[..., Any],
    world: int,
    *arguments: Any,
    launcher: Literal["processes", "ray"] = "processes",
) -> list[Any]:
    """Call a function in several processes that have joined each other.

    Args:
        function: At the top level of an importable module, as are its arguments' types.
        world: Number of processes, >= 1.
        *arguments: Passed to each.
        launcher: ``"processes"`` of this machine, or ``"ray"`` for tasks of a Ray cluster.

    Returns:
        What each rank returned, in their order.

    Raises:
        ValueError: If ``world`` or ``launcher`` is not one of these.
        MissingExtraError: If Ray is asked for and not installed.
        Exception: What a rank raised first.
    """
    if world < 1:
        raise ValueError(f"world must be >= 1, got {world}")
    if launcher == "ray":
        return _launch_by_ray(function, world, arguments)
    if launcher != "processes":
        raise ValueError(f"launcher must be 'processes' or 'ray', got {launcher!r}")
    place = f"tcp://127.0.0.1:{free_port()}"
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads
    with ProcessPoolExecutor(world, context) as pool:
        tasks = [
            pool.submit(member, function, rank, world, place, arguments) for rank in range(world)
        ]
        return [task.result() for task in tasks]


def member(
    function: Callable[..., Any], rank: int, world: int, place: str, arguments: tuple[Any, ...]
) -> Any:
    """Join the others at ``place``, a URL, and call the function."""
    dist.init_process_group("gloo", init_method=place, rank=rank, world_size=world)
    try:
        return function(*arguments)
    finally:
        dist.destroy_process_group()


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _launch_by_ray(
    function: Callable[..., Any], world: int, arguments: tuple[Any, ...]
) -> list[Any]:
    ray = _ray()
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    actor = ray.remote(num_cpus=1)(_RayMember)
    members = [actor.remote() for _ in range(world)]
    place = ray.get(members[0].place.remote())
    results: list[Any] = ray.get(
        [m.run.remote(function, rank, world, place, arguments) for rank, m in enumerate(members)]
    )
    for each in members:
        ray.kill(each)
    return results


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError("ray", "ray") from error
    return ray


class _RayMember:
    """One rank on some machine of a Ray cluster."""

    def place(self) -> str:
        """Return where the others find this one, as a URL."""
        return f"tcp://{_ray().util.get_node_ip_address()}:{free_port()}"

    def run(self, *task: Any) -> Any:
        """Be a member; see :func:`member`."""
        return member(*task)
