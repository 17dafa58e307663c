"""Workers that answer something else than they should; the host only ever sees errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm import RewardProgramError
from operant.reward_design.llm.worker import RewardWorker, RowLayout, WorkerSettings
from operant.reward_design.llm.worker import process as process_module
from operant.reward_design.llm.worker.wire import FAILED, HEADER, PAID, READY, READY_BODY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

READY_FRAME = HEADER.pack(READY, 0, 2) + READY_BODY.pack(3, 7)
LOADED = HEADER.pack(PAID, 1, 0)


def rewards(*values, serial=2, size=None):
    body = np.array(values).tobytes()
    return HEADER.pack(PAID, serial, len(body) if size is None else size) + body


@pytest.fixture
def liar(monkeypatch):
    """Return a function that makes a worker whose process runs a script that is not locked."""
    made = []

    def liar(script, timeout_s=1.0):
        head = "import os, sys, time\nwrite = lambda data: os.write(1, data)\n"
        monkeypatch.setattr(process_module, "_BOOT", head + script)
        worker = RewardWorker("", layout=RowLayout(), settings=WorkerSettings(timeout_s=timeout_s))
        made.append(worker)
        return worker

    yield liar
    for worker in made:
        worker.close()


def answering(data):
    return f"write({READY_FRAME + LOADED + data!r})\ntime.sleep(100)"


def test_the_liar_can_tell_the_truth(liar):
    worker = liar(answering(rewards(1.0, 2.0)), timeout_s=30.0)
    assert worker.batch(None, [0, 0], None, {}).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (rewards(1.0, 2.0, serial=3), "protocol"),
        (rewards(1.0, 2.0, serial=1), "protocol"),
        (rewards(1.0), "protocol"),
        (rewards(1.0, 2.0, 3.0), "protocol"),
        (rewards(size=2**32 - 1), "protocol"),
        (HEADER.pack(9, 2, 16) + bytes(16), "protocol"),
        (HEADER.pack(READY, 2, 16) + bytes(16), "protocol"),
        (HEADER.pack(FAILED, 2, 3) + bytes(3), "protocol"),
        (HEADER.pack(FAILED, 2, 4000) + b"\xff" * 4000, "protocol"),
        (b"\xff" * 20000, "protocol"),
        (b"\x03", "timeout"),
        (b"", "timeout"),
        (rewards(1.0, size=16), "timeout"),
        (rewards(float("nan"), 0.0), "not_finite"),
        (rewards(0.0, float("-inf")), "not_finite"),
        (rewards(0.0, 1e300), "cap"),
    ],
)
def test_wrong_answers(liar, data, code):
    worker = liar(answering(data))
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0, 0], None, {})
    assert caught.value.code == code
    assert worker.alive == (code in ("not_finite", "cap"))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("while True: write(b'x' * 4096)", "protocol"),
        ("while True: write(b'\\3'); time.sleep(0.2)", "timeout"),  # never late for the next byte
        ("os.close(1); time.sleep(100)", "died"),
        ("os.read(0, 99); os.close(0); time.sleep(100)", "timeout"),
        ("os.read(0, 99); os.close(0); write(bytes(100)); time.sleep(100)", "protocol"),
        ("sys.exit(5)", "died"),
        ("os.kill(os.getpid(), 11)", "died"),
        ("os.kill(os.getpid(), 19)", "timeout"),  # stopped
        ("pass", "died"),
    ],
)
def test_wrong_behaviour(liar, script, code):
    worker = liar(f"write({READY_FRAME + LOADED!r})\ntime.sleep(0.2)\n{script}")
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, np.zeros(20000), None, {})
    assert caught.value.code == code
    assert not worker.alive


@settings(max_examples=15)
@given(data=st.binary(max_size=64))
def test_any_bytes(data):
    limits = WorkerSettings(timeout_s=30.0)
    frame = READY_FRAME + LOADED + HEADER.pack(FAILED, 2, len(data)) + data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            process_module, "_BOOT", f"import os, time\nos.write(1, {frame!r})\ntime.sleep(99)"
        )
        worker = RewardWorker("", layout=RowLayout(), settings=limits)
    with worker, pytest.raises(RewardProgramError):
        worker.batch(None, [0, 0], None, {})
