"""Every text of the corpus is handled as it must be, and leaves everything as it was."""

from __future__ import annotations

import collections
import math
import subprocess
import sys

import pytest

from operant.benchmarks.perf import reward_attacks
from operant.benchmarks.perf.attacks.corpus import CORPUS
from operant.benchmarks.perf.attacks.items import HEAD, Item

NAMES = [f"{item.category}: {item.name}" for item in CORPUS]
RUN = [item for item in CORPUS if item.handling != "refused"]


def faults(items, backend="python"):
    """Return what is wrong with how items are handled, by name."""
    reward_attacks.warm_up(backend=backend)
    found = [reward_attacks.handle(item, backend=backend) for item in items]
    return {each.item.name: each.faults for each in found if each.faults}


@pytest.mark.parametrize("category", dict.fromkeys(item.category for item in CORPUS))
def test_texts_are_handled_as_they_must_be(category):
    assert faults(item for item in CORPUS if item.category == category) == {}


@pytest.mark.integration
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_other_back_ends_handle_a_sample_alike(backend):
    assert faults(RUN[::16], backend) == {}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_other_back_ends_handle_all_alike(backend):
    assert faults(RUN, backend) == {}


def test_the_corpus_is_as_large_as_promised_and_has_no_item_twice():
    count = collections.Counter(item.handling for item in CORPUS)
    assert count["refused"] + count["fails"] >= 180
    assert count["accepted"] >= 30
    assert len(set(NAMES)) == len(CORPUS)
    assert len({(item.source, item.handling) for item in CORPUS}) >= len(CORPUS) - 12


def item(body, handling, expected):
    return Item(
        category="", name="", source=HEAD + "    " + body, handling=handling, expected=expected
    )


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (item("return 1", "refused", "name"), "accepted"),
        (item("return 1", "fails", "cap"), "gave 1.0"),
        (item("return 1", "accepted", 1.0 + 1e-9), "gave 1.0 instead of 1.0"),
        (item("return 1 / 0", "accepted", 1.0), "failed"),
        (item("return 1 / 0", "fails", "overflow"), "code 'division'"),
        (item("return x", "accepted", 1.0), "refused"),
        (item("return x", "fails", "name"), "refused"),
        (item("return x", "refused", "syntax"), "code 'name'"),
    ],
)
def test_what_is_handled_otherwise_is_a_fault(wrong, fault):
    assert any(fault in each for each in reward_attacks.handle(wrong).faults)


def test_what_is_changed_on_the_way_is_a_fault(monkeypatch):
    class Tampering:
        def __init__(self, source, **kwargs):
            pass

        def __call__(self, obs, action, next_obs, info):
            obs[0] = 9.0
            monkeypatch.setenv("OPERANT_TAMPERED", "1")
            monkeypatch.setattr(math, "pi", 3.0)
            return 1.0

        def batch(self, obs, action, next_obs, info):
            return obs[:, 0] * 0 + 1

    monkeypatch.setattr(reward_attacks, "compile_reward", Tampering)
    found = reward_attacks.handle(item("return 1", "accepted", 1.0)).faults
    assert found == ("an input was changed", "math was changed", "environment was changed")


@pytest.mark.integration
def test_the_program_prints_the_table_and_nothing_reaches_out():
    run = subprocess.run(
        [sys.executable, "-m", "operant.benchmarks.perf.reward_attacks"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NOT HANDLED" not in run.stdout
    assert f"{len(CORPUS)}/{len(CORPUS)}" in run.stdout
    assert "text patterns" in run.stdout
