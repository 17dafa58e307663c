"""The GPU's speed measurement says what is missing, and runs; nothing is timed on a GPU here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from operant.benchmarks.perf import cuda

MACHINE = {
    "gpu": "Fake 9000",
    "memory_gib": 141,
    "driver": "CUDA 13.0",
    "cpu": "x",
    "cpus": 2,
    "load_1min": 0.5,
    "python": "3.11",
    "versions": {"operant": "0.1"},
}


def test_without_a_device_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cuda.main([]) == 3
    assert "no CUDA device" in capsys.readouterr().err


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kernels that only note for how many rows they ran."""
    pytest.importorskip("numba_cuda")
    from operant.envs.gridworld.cuda import batch, env

    launched: list[int] = []

    def kernel(program: Any, device: Any) -> Any:
        return lambda num, tensors: launched.append(num)

    monkeypatch.setattr(batch, "CudaKernel", kernel)
    monkeypatch.setattr(env, "cuda_device", lambda _: torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(cuda, "_machine", lambda: MACHINE)
    return launched


@pytest.mark.slow
def test_it_times_every_size_and_layout(
    no_work: list[int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "result.json"
    arguments = ["--sizes", "8", "32", "--rounds", "1", "--seconds", "0.01"]
    assert cuda.main([*arguments, "--json", str(written)]) == 0
    rows = json.loads(written.read_text())["env_steps_per_s"]
    assert [row["N"] for row in rows] == [8, 32]
    for row in rows:
        assert row["median"].keys() == {"columns", "rows", "make_vec"}
        assert all(rate > 0 for rate in row["median"].values())
        assert no_work.count(row["N"]) >= 600  # two rounds of three contenders
    text = capsys.readouterr().out
    assert "Fake 9000 (141 GiB), driver CUDA 13.0" in text
    assert "goal at N=1,048,576: 500 M/s; measured at N=32" in text


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "rounds must be >= 1, got 0"),
        (["--sizes", "0"], "num_envs must be an integer >= 1, got 0"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_bad_arguments_are_a_usage_error(
    arguments: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cuda.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
