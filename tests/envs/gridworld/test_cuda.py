"""The GPU's code, judged without a GPU: its resources by ptxas, its results by running its very IR.

What GPUs run is PTX that libNVVM makes of some modules of IR. ``HostKernel`` compiles the same
modules for this machine and runs the threads one after the other, so all but the driver's part is
tested here; ``gpu``-marked tests at the end do the rest where there is one.
"""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium as gym
import llvmlite.binding as llvm
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

import operant
from operant.benchmarks.perf import cuda as perf_cuda

if sys.platform != "linux":
    pytest.skip("the cuda extra exists for Linux", allow_module_level=True)

import nvidia

from operant.envs.gridworld import from_ascii
from operant.envs.gridworld.buffers import Buffers
from operant.envs.gridworld.cuda import batch as cuda_batch
from operant.envs.gridworld.cuda import env as cuda_env
from operant.envs.gridworld.cuda.batch import BY_COLUMN, CudaBatch
from operant.envs.gridworld.cuda.build import BLOCK, Program, to_ptx
from operant.envs.gridworld.cuda.env import CudaVectorEnv
from operant.envs.gridworld.cuda.kernels import Variant, reset_program, step_program
from operant.envs.gridworld.engine import DRIFT, FEATURES, SAME_STEP
from operant.envs.gridworld.world import World

PTXAS = next(path for root in nvidia.__path__ for path in Path(root).glob("cu*/bin/ptxas"))

# Worlds whose older levels MiniGrid corrected keep both versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning"),
    pytest.mark.integration,  # every test compiles a kernel, and runs the compiler's own programs
]

FAMILIES = ["DoorKey-8x8-v0", "GoToObject-6x6-N2-v0", "Dynamic-Obstacles-6x6-v0", "BoatRace-v0"]
"""Occlusion and a distance, a mission, things that move, a proxy reward."""
CUT = 15
"""Time limit, so that many episodes end; the same in most tests, which then share kernels."""
GRIDWORLDS = [row.id for row in operant.envs.registry() if "gridworld" in row.tags]
OTHERS = [
    pytest.param(env_id, marks=pytest.mark.slow) for env_id in GRIDWORLDS if env_id not in FAMILIES
]


def variant_of(env_id: str, by_column: frozenset[str] = BY_COLUMN) -> Variant:
    simulator = gym.make(env_id, max_steps=CUT).unwrapped.simulator
    return Variant(simulator.family, simulator.size, SAME_STEP, DRIFT | FEATURES, by_column)


# ---- resources -----------------------------------------------------------------------------------


def resources(program: Program, folder: Path) -> dict[str, int]:
    """Return what a thread of a kernel needs on an H100 or H200."""
    source = folder / "kernel.ptx"
    source.write_text(program.ptx)
    command = [PTXAS, "-arch=sm_90", "-v", "-o", folder / "kernel.cubin", source]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    patterns = {
        "registers": r"Used (\d+) registers",
        "stack": r"(\d+) bytes stack frame",
        "spill stores": r"(\d+) bytes spill stores",
        "spill loads": r"(\d+) bytes spill loads",
    }
    return {
        name: int(re.search(pattern, result.stderr)[1])  # type: ignore[index]
        for name, pattern in patterns.items()
    }


def assert_rounds_as_the_cpu(ptx: str) -> None:
    """Fused or approximate arithmetic, and what ptxas is free to fuse, would not be bit-equal."""
    arithmetic = set(re.findall(r"\b(?:fma|mad|mul|add|sub|div|sqrt|rcp)\.[a-z.]*f(?:32|64)", ptx))
    assert not [name for name in arithmetic if ".rn." not in name or name.startswith("fma")]
    assert "approx" not in ptx
    assert ".ftz" not in ptx


@pytest.mark.parametrize("env_id", [*FAMILIES, *OTHERS])
def test_kernels_fit_the_registers(env_id: str, tmp_path: Path) -> None:
    variant = variant_of(env_id)
    step, reset = step_program(variant), reset_program(variant)
    for program in (step, reset):
        assert_rounds_as_the_cpu(program.ptx)
        assert ".const" not in program.ptx  # of that there is little, and it is slow for tables
    needs = resources(step, tmp_path)
    assert needs.pop("registers") <= 64
    assert needs == {"stack": 0, "spill stores": 0, "spill loads": 0}
    needs = resources(reset, tmp_path)  # rare: a few bytes do no harm
    assert needs["registers"] <= 64
    assert needs["stack"] <= 32


def test_a_fused_product_would_be_noticed() -> None:
    """The reward 1 - 0.9 t / T is what made the CPU's and the GPU's bits differ."""
    from numba import types

    def kernel(x: Any) -> None:
        x[0] = 1.0 - x[1] * x[2]

    floats = types.Array(types.float64, 1, "C")
    ptx = to_ptx(kernel, [floats]).ptx
    assert "mul.rn.f64" in ptx
    assert_rounds_as_the_cpu(ptx)
    for faulty in ("fma.rn.f64 %fd4", "mul.f64 %fd4", "div.approx.f32 %f1", "add.rn.ftz.f32 %f1"):
        with pytest.raises(AssertionError):
            assert_rounds_as_the_cpu(f"{ptx}\n{faulty}, ...")


# ---- results -------------------------------------------------------------------------------------


class HostKernel:
    """Stands for ``CudaKernel``: runs a program's IR on this machine, thread after thread."""

    REGISTERS = {  # noqa: RUF012
        "tid.x": "load i32, i32* @thread",
        "ntid.x": f"add i32 0, {BLOCK}",
        "ctaid.x": "load i32, i32* @block",
    }

    def __init__(self, program: Program) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(opt=0)
        modules = [
            re.sub(
                r'@"?llvm\.nvvm\.read\.ptx\.sreg\.(\w+\.x)"?',
                r'@"sreg.\1"',
                re.sub(r"^target .*$", "", module, flags=re.MULTILINE),
            )
            for module in program.modules
        ]
        linked = llvm.parse_assembly(modules[0])
        for module in modules[1:]:
            linked.link_in(llvm.parse_assembly(module))
        kinds = [str(argument.type) for argument in linked.get_function(program.name).arguments]
        assert set(kinds) == {"i64"}
        linked.link_in(llvm.parse_assembly(self._loop(program.name, len(kinds))))
        linked.triple, linked.data_layout = llvm.get_default_triple(), str(machine.target_data)
        linked.verify()
        self._engine = llvm.create_mcjit_compiler(linked, machine)
        self._engine.finalize_object()
        call = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * (1 + len(kinds)))
        self._call = call(self._engine.get_function_address("all_threads"))

    def _loop(self, name: str, count: int) -> str:
        words = ", ".join(f"i64 %a{i}" for i in range(count))
        registers = "\n".join(
            f'define i32 @"sreg.{register}"() {{\n %v = {value}\n ret i32 %v\n}}'
            for register, value in self.REGISTERS.items()
        )
        return f"""
            @thread = global i32 0
            @block = global i32 0
            {registers}
            declare void @"{name}"({", ".join(["i64"] * count)})
            define void @all_threads(i64 %count, {words}) {{
            start:
              br label %next
            next:
              %i = phi i64 [0, %start], [%j, %next]
              %t = urem i64 %i, {BLOCK}
              %b = udiv i64 %i, {BLOCK}
              %t32 = trunc i64 %t to i32
              %b32 = trunc i64 %b to i32
              store i32 %t32, i32* @thread
              store i32 %b32, i32* @block
              call void @"{name}"({words})
              %j = add i64 %i, 1
              %more = icmp slt i64 %j, %count
              br i1 %more, label %next, label %end
            end:
              ret void
            }}"""

    def __call__(self, num: int, tensors: Iterable[torch.Tensor]) -> None:
        threads = -(-num // BLOCK) * BLOCK  # as launched: the last block is larger than its rest
        self._call(threads, num, *(tensor.data_ptr() for tensor in tensors))


_host_kernel = functools.cache(HostKernel)


@pytest.fixture
def on_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the GPU's env run here, with its tensors in this machine's memory."""
    monkeypatch.setattr(cuda_batch, "CudaKernel", lambda program, _: _host_kernel(program))
    monkeypatch.setattr(cuda_env, "cuda_device", lambda _: torch.device("cpu"))


def pair(env_id: str, num: int, **kwargs: Any) -> tuple[Any, Any]:
    """Return the CPU's and the GPU's env."""
    return (
        gym.make_vec(env_id, num_envs=num, **kwargs),
        gym.make_vec(env_id, num_envs=num, device="cuda", **kwargs),
    )


def assert_same(cpu: Any, gpu: Any, what: str, mask: np.ndarray | None = None) -> None:
    """Compare what the envs returned, bit by bit; with a mask only those rows."""
    if isinstance(gpu, torch.Tensor):
        tensor = gpu.cpu().numpy()
        assert cpu.dtype == tensor.dtype, what
        assert cpu.shape == tensor.shape, what
        if mask is not None:
            cpu, tensor = cpu[mask], tensor[mask]
        assert cpu.tobytes() == tensor.tobytes(), what
        return
    assert cpu.keys() == gpu.keys(), what
    for key in cpu:
        if key == "final_obs":
            continue
        inner = cpu["_final_info"] if key == "final_info" else mask
        assert_same(cpu[key], gpu[key], f"{what}[{key}]", inner)


def leaves(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return [leaf for part in value.values() for leaf in leaves(part)]


def assert_same_step(cpu: tuple, gpu: tuple, step: int) -> None:
    infos, gpu_infos = dict(cpu[4]), dict(gpu[4])
    if "_final_obs" in gpu_infos:
        done = (cpu[2] | cpu[3]).tolist()
        assert gpu_infos["_final_obs"].tolist() == done
        for row in np.flatnonzero(done).tolist():
            assert_row_same(infos["final_obs"][row], gpu_infos["final_obs"], row, f"final {step}")
        assert not any(
            leaf[~gpu_infos["_final_obs"]].any() for leaf in leaves(gpu_infos["final_obs"])
        )
        if not any(done):
            for key in ("final_obs", "final_info"):
                del gpu_infos[key], gpu_infos[f"_{key}"]
    for name, ours, theirs in zip(
        ("obs", "reward", "terminated", "truncated"), cpu, gpu, strict=False
    ):
        assert_same(ours, theirs, f"{name} {step}")
    assert_same(infos, gpu_infos, f"infos {step}")


def assert_row_same(one: Any, batch: Any, row: int, what: str) -> None:
    if isinstance(batch, torch.Tensor):
        assert np.asarray(one).tobytes() == batch[row].cpu().numpy().tobytes(), what
        return
    assert one.keys() == batch.keys()
    for key in one:
        assert_row_same(one[key], batch[key], row, f"{what}[{key}]")


def assert_same_state(cpu: Any, gpu: Any) -> None:
    ours, theirs = cpu.unwrapped.get_state(), gpu.unwrapped.get_state()
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        assert array.dtype == theirs[key].dtype, key
        if not key.startswith("out.final"):  # those of earlier steps' ends decide nothing
            assert array.tobytes() == theirs[key].tobytes(), key


def play(cpu: Any, gpu: Any, steps: int, seed: int = 0) -> int:
    """Step both envs with the same random actions; return how many episodes ended."""
    generator = np.random.default_rng(seed)
    ended, over = 0, np.zeros(cpu.num_envs, bool)
    disabled = cpu.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    for step in range(steps):
        if disabled and over.any():
            again = [env.reset(options={"reset_mask": over}) for env in (cpu, gpu)]
            assert_same(again[0][0], again[1][0], f"reset obs {step}")
            assert_same(again[0][1], again[1][1], f"reset infos {step}")
        actions = generator.integers(0, cpu.single_action_space.n, cpu.num_envs)
        results = cpu.step(actions), gpu.step(torch.from_numpy(actions))
        assert_same_step(*results, step)
        over = results[0][2] | results[0][3]
        ended += int(over.sum())
    assert_same_state(cpu, gpu)
    return ended


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize("env_id", [*FAMILIES, *OTHERS])
def test_gpu_code_equals_the_cpus(env_id: str) -> None:
    """Random actions over many episodes, all that the envs return and their states, bit by bit."""
    cpu, gpu = pair(env_id, 21, autoreset_mode="SameStep", max_steps=CUT)
    assert isinstance(gpu.unwrapped, CudaVectorEnv)
    first = cpu.reset(seed=5), gpu.reset(seed=5)
    assert_same(first[0][0], first[1][0], "first obs")
    assert_same(first[0][1], first[1][1], "first infos")
    assert_same_state(cpu, gpu)
    assert play(cpu, gpu, 200) > 100


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize(
    ("num", "kwargs"),
    [
        (300, {"autoreset_mode": "NextStep", "reward": "minigrid"}),  # more than a block's threads
        (1, {"autoreset_mode": "SameStep", "features": False, "copy": False}),
        (13, {"autoreset_mode": "Disabled"}),
    ],
)
def test_every_mode_equals_the_cpus_and_takes_its_states(num: int, kwargs: dict[str, Any]) -> None:
    cpu, gpu = pair("Empty-5x5-v0", num, max_steps=30, **kwargs)
    for env in (cpu, gpu):
        env.reset(seed=2**64 - num)
    assert play(cpu, gpu, 100) >= 3
    other_cpu, other_gpu = pair("Empty-5x5-v0", num, max_steps=30, **kwargs)
    other_cpu.unwrapped.set_state(gpu.unwrapped.get_state())
    other_gpu.unwrapped.set_state(cpu.unwrapped.get_state())
    if kwargs["autoreset_mode"] == "Disabled":
        for env in (other_cpu, other_gpu):
            env.reset(options={"reset_mask": cpu.unwrapped.simulator.out.pending})
    play(other_cpu, other_gpu, 50)
    with pytest.raises(ValueError, match="state does not fit"):
        gpu.unwrapped.set_state(pair("Empty-6x6-v0", num)[0].unwrapped.get_state())


@pytest.mark.usefixtures("on_host")
def test_memory_layouts_hold_the_same_numbers() -> None:
    _, env = pair("GoToObject-6x6-N2-v0", 5, autoreset_mode="SameStep", max_steps=CUT)
    env.reset(seed=1)
    variant = env.unwrapped.batch.variant
    batches = [
        CudaBatch(variant._replace(by_column=names), 5, torch.device("cpu"))
        for names in (BY_COLUMN, frozenset((*World._fields, *Buffers._fields)))
    ]
    for batch in batches:
        batch.set_state(env.unwrapped.get_state())
    assert [batch.world.grid.is_contiguous() for batch in batches] == [True, False]
    assert not batches[0].out.image.is_contiguous()
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        actions = torch.randint(7, (5,), generator=generator)
        for batch in batches:
            batch.step(actions)
        states = [batch.get_state() for batch in batches]
        for key, array in states[0].items():
            assert array.tobytes() == states[1][key].tobytes(), key
    assert int(states[0]["world.rng"][:, 1].min()) > 0


@pytest.mark.usefixtures("on_host")
def test_streams_seeds_and_partial_resets_equal_the_cpus() -> None:
    cpu, gpu = pair("GoToObject-6x6-N2-v0", 4, autoreset_mode="SameStep", max_steps=CUT)
    resets: list[dict[str, Any]] = [
        {"seed": [7, 2**64 - 1, 0, 9]},
        {},  # goes on with every stream
        {"seed": [None, 3, None, None], "options": {"reset_mask": [True, True, False, False]}},
        {"seed": 11, "options": {"reset_mask": np.array([False, False, True, True])}},
        {"options": {"reset_mask": torch.tensor([False, True, False, False])}},
        {"seed": np.int64(2)},
    ]
    for number, kwargs in enumerate(resets):
        results = cpu.reset(**kwargs), gpu.reset(**kwargs)
        for ours, theirs in zip(*results, strict=True):
            assert_same(ours, theirs, f"reset {number}")
        assert_same_state(cpu, gpu)
        play(cpu, gpu, 25)
    assert cpu.unwrapped.missions == gpu.unwrapped.missions


@pytest.mark.usefixtures("on_host")
def test_first_reset_without_seed_gives_every_row_a_stream() -> None:
    _, env = pair("DoorKey-8x8-v0", 9)
    env.reset()
    keys = env.unwrapped.get_state()["world.rng"][:, 0]
    assert len(set(keys.tolist())) == 9


@pytest.mark.usefixtures("on_host")
def test_returned_tensors_are_the_callers() -> None:
    _, env = pair("DoorKey-8x8-v0", 8, autoreset_mode="SameStep", max_steps=CUT)

    shown, copies = [], []

    def note(result: tuple) -> None:
        shown.extend(leaves(dict(enumerate(result))))
        copies.extend(leaf.clone() for leaf in shown[len(copies) :])

    note(env.reset(seed=0))
    for step in range(2 * CUT + 2):
        note(env.step(np.full(8, step % 3)))
    note(env.reset(options={"reset_mask": np.arange(8) < 4}))
    note(env.reset())
    other = pair("DoorKey-8x8-v0", 8, autoreset_mode="SameStep", max_steps=CUT)[0]
    other.reset(seed=99)
    env.unwrapped.set_state(other.unwrapped.get_state())
    assert all(torch.equal(leaf, copy) for leaf, copy in zip(shown, copies, strict=True))


@pytest.mark.usefixtures("on_host")
def test_features_are_lazy_tensors_of_their_own_dtypes() -> None:
    _, env = pair("DoorKey-8x8-v0", 3)
    features = env.reset(seed=0)[1]["features"]
    assert list(features) == [feature.name for feature in env.unwrapped.card.features]
    assert len(features) == len(list(features))
    assert features["has_key"].dtype == torch.bool
    assert features["steps_to_key"].dtype == torch.int64
    with pytest.raises(KeyError):
        features["treasure"]


@pytest.mark.usefixtures("on_host")
def test_spaces_card_and_pictures_are_the_cpus() -> None:
    cpu, gpu = pair("DoorKey-8x8-v0", 3, render_mode="rgb_array")
    for env in (cpu, gpu):
        env.reset(seed=4)
    for name in ("observation_space", "action_space"):
        assert getattr(cpu, name) == getattr(gpu, name)
        assert getattr(cpu, f"single_{name}") == getattr(gpu, f"single_{name}")
    assert cpu.unwrapped.card == gpu.unwrapped.card
    assert cpu.metadata == gpu.metadata
    for ours, theirs in zip(cpu.render(), gpu.render(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"row must lie in \[0, 2\], got 3"):
        gpu.unwrapped.render_row(3)
    assert pair("DoorKey-8x8-v0", 3)[1].render() is None


@pytest.mark.usefixtures("on_host")
def test_own_maps_run_on_a_gpu() -> None:
    room = from_ascii("##########\n## > . G##\n##########", check=False)
    cpu, gpu = (room.make_vector(num_envs=4, max_steps=9, **kw) for kw in ({}, {"device": "cuda"}))
    for env in (cpu, gpu):
        env.reset(seed=0)
    assert play(cpu, gpu, 60) > 4


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize("wrong", [7, -1, 2**40])
def test_wrong_actions_stop_their_row_and_raise_in_the_next_call(wrong: int) -> None:
    _, env = pair("DoorKey-8x8-v0", 4)
    env.reset(seed=0)
    before = env.unwrapped.get_state()
    env.step(np.array([1, 1, wrong, 1]))
    agent = env.unwrapped.batch.world.agent.numpy()
    assert (agent != before["world.agent"]).any(axis=1).tolist() == [True, True, False, True]
    with pytest.raises(ValueError, match=r"action in row 2 .* \[0, 6\]: left, right, forward"):
        env.step(np.ones(4, int))
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.ones(4, int))
    env.reset()
    env.step(np.ones(4, int))


@pytest.mark.usefixtures("on_host")
def test_reset_and_get_state_report_what_was_wrong_before() -> None:
    _, env = pair("DoorKey-8x8-v0", 2)
    for call in (env.reset, env.unwrapped.get_state):
        env.reset(seed=0)
        env.step(np.array([0, 9]))
        with pytest.raises(ValueError, match="action in row 1"):
            call()


@pytest.mark.usefixtures("on_host")
def test_step_after_the_end_in_disabled_mode_raises_in_the_next_call() -> None:
    _, env = pair("DoorKey-8x8-v0", 3, autoreset_mode="Disabled", max_steps=2)
    env.reset(seed=0)
    for _ in range(2):
        over = env.step(np.zeros(3, int))[3]
    assert over.all()
    env.reset(options={"reset_mask": torch.tensor([True, False, True])})
    levels = env.unwrapped.batch.world
    before = [array[1].clone() for array in levels]
    reward, terminated, truncated = env.step(np.zeros(3, int))[1:4]  # the GPU finds it out
    assert (reward[1].item(), terminated[1].item(), truncated[1].item()) == (0, False, False)
    assert all(torch.equal(array[1], old) for array, old in zip(levels, before, strict=True))
    with pytest.raises(gym.error.ResetNeeded, match=r"row 1 .*reset_mask"):
        env.step(np.zeros(3, int))
    env.reset()
    env.step(np.zeros(3, int))


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros(2, int), r"3 integers, .* shape \(2,\)"),
        (np.zeros((3, 1), int), r"3 integers, .* shape \(3, 1\)"),
        (torch.zeros(3), "3 integers, got dtype torch.float32"),
        (torch.zeros(3, dtype=torch.bool), "3 integers, got dtype torch.bool"),
    ],
)
def test_what_are_no_actions_is_refused_at_once(actions: Any, message: str) -> None:
    _, env = pair("DoorKey-8x8-v0", 3)
    with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
        env.step(np.zeros(3, int))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"seed": -1}, "seed .* -1"),
        ({"seed": 2**64 - 1}, r"seed must lie in \[0, 2\*\*64\)"),
        ({"seed": [1, None, 2**64]}, f"seed .* {2**64}"),
        ({"seed": [1, 2]}, "seed .* 3 .* 2"),
        ({"options": {"reset_mask": np.ones(2, bool)}}, r"reset_mask .*\(3,\)"),
        ({"options": {"reset_mask": [True, False, True]}}, "first reset"),
    ],
)
def test_resets_are_refused_as_on_the_cpu(kwargs: dict[str, Any], message: str) -> None:
    for env in pair("DoorKey-8x8-v0", 3):
        with pytest.raises(ValueError, match=message):
            env.reset(**kwargs)


@pytest.mark.usefixtures("on_host")
@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"layout": "minigrid"}, ValueError, "layout must be 'operant' on a GPU.*device='cpu'"),
        ({"program": print}, ValueError, "program must be None on a GPU"),
        ({"threads": 2}, ValueError, "threads must be 1 on a GPU, got 2"),
        ({"num_envs": 0}, ValueError, "num_envs .*>= 1.* 0"),
        ({"size": 4}, ValueError, "size .* 4"),
        ({"height": 5}, TypeError, "no option 'height'"),
        ({"autoreset_mode": "sometimes"}, ValueError, "sometimes"),
        ({"render_mode": "human"}, ValueError, "render_mode"),
    ],
)
def test_constructor_refuses(kwargs: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gym.make_vec("DoorKey-8x8-v0", **{"num_envs": 2, "device": "cuda"} | kwargs)


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cpu:1", None])
def test_devices_are_named_so(device: Any) -> None:
    with pytest.raises(ValueError, match="device must be 'cpu', 'cuda' or 'cuda:<index>'"):
        gym.make_vec("DoorKey-8x8-v0", num_envs=2, device=device)


@pytest.mark.parametrize(
    ("found", "count", "built", "message"),
    [
        (False, 0, None, "torch .* was built without CUDA"),
        (False, 0, "13.0", "torch finds no GPU: check nvidia-smi"),
        (True, 2, "13.0", "index < 2, got 'cuda:5'"),
    ],
)
def test_absent_devices_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, found: bool, count: int, built: str | None, message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(ValueError, match=message):
        gym.make_vec("DoorKey-8x8-v0", num_envs=2, device="cuda:5")


def test_cpu_is_the_default_and_loads_none_of_this() -> None:
    """In a new process, which has imported nothing before; without the extra it says which."""
    code = """
import sys, gymnasium as gym, operant
for kwargs in ({}, {"device": "cpu"}):
    assert type(gym.make_vec("DoorKey-8x8-v0", num_envs=2, **kwargs)).__name__ == "GridVectorEnv"
assert not {"torch", "numba_cuda", "cuda.core"} & set(sys.modules)
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba_cuda" else found(name, *rest)
try:
    gym.make_vec("DoorKey-8x8-v0", num_envs=2, device="cuda")
except operant.errors.MissingExtraError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "pip install 'operant[cuda]'" in result.stdout


# ---- on a GPU ------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.timeout(900)
def test_gpu_equals_the_cpu_for_10k_steps_of_4096_envs() -> None:
    cpu, gpu = pair("DoorKey-8x8-v0", 4096, autoreset_mode="SameStep")
    for env in (cpu, gpu):
        env.reset(seed=0)
    assert play(cpu, gpu, 10_000) > 4096 * 10


@pytest.mark.gpu
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("env_id", GRIDWORLDS)
def test_gpu_equals_the_cpu_in_every_world(env_id: str, mode: str) -> None:
    cpu, gpu = pair(env_id, 1000, autoreset_mode=mode, max_steps=CUT)
    for env in (cpu, gpu):
        env.reset(seed=2)
    assert play(cpu, gpu, 100) > 1000
    for env in (cpu, gpu):
        env.reset(seed=3)
    with torch.cuda.stream(torch.cuda.Stream()):  # another stream of torch's
        torch.cuda.current_stream().wait_stream(torch.cuda.default_stream())
        play(cpu, gpu, 20)


@pytest.mark.gpu
def test_gpu_tells_of_faults() -> None:
    env = gym.make_vec("DoorKey-8x8-v0", num_envs=1000, device="cuda:0")
    env.reset(seed=0)
    for row in (999, 0):
        actions = torch.zeros(1000, dtype=torch.int64, device="cuda:0")
        actions[row] = 7
        env.step(actions)
        torch.cuda.synchronize()
        with pytest.raises(ValueError, match=f"action in row {row} "):
            env.step(actions)
        env.reset()


@pytest.mark.gpu
@pytest.mark.timeout(300)
def test_gpu_speed_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A report, and no bar: timing does not make a test fail."""
    result = perf_cuda.measure(sizes=perf_cuda.SIZES, rounds=3, seconds=20.0)
    assert [row["N"] for row in result["env_steps_per_s"]] == list(perf_cuda.SIZES)
    with capsys.disabled():
        sys.stdout.write(f"\n{perf_cuda.describe(result)}\n")
