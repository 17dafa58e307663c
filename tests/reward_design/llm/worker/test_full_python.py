from __future__ import annotations

import copy
import gc
import os

import gymnasium as gym
import numpy as np
import pytest

from operant.errors import OperantError
from operant.reward_design import make_design, shape
from operant.reward_design.llm import RewardProgramError
from operant.reward_design.llm.designs.full_python import FullPythonReward
from operant.reward_design.llm.worker import WorkerUnavailableError, process
from operant.types import Feature

HEAD = "def reward(obs, action, next_obs, info):\n"
CLOSED = HEAD + '    return info["prev_position"] - 2 * info["position"] + 0.5 * action'


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"require": "none"}, ValueError, "require must be one of"),
        ({"require": "plain"}, ValueError, "got 'plain'"),
        ({"modules": ["torch"]}, ValueError, "got 'torch'"),
        ({"timeout_s": -1}, ValueError, "timeout_s"),
        ({"source": "x" * 70000}, ValueError, "at most 65536 bytes, got 70000"),
        ({"source": None}, TypeError, "source must be text, got NoneType"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        FullPythonReward(**{"source": HEAD, **arguments})


def test_nothing_is_promised_and_nothing_runs_before_there_is_an_env(transition):
    design = FullPythonReward(source="1 / 0")
    assert (design.spec.invariance, design.spec.stationary, design.spec.markov) == (
        "none",
        False,
        False,
    )
    assert design.level is None
    with pytest.raises(OperantError, match="not attached"):
        design(transition())


def test_actions_that_are_images_are_refused(attach):
    with pytest.raises(OperantError, match="actions that are numbers or vectors"):
        attach(FullPythonReward(source=HEAD), action_space=gym.spaces.Box(0, 1, (2, 2)))


@pytest.fixture
def made():
    """Return a function that makes the design for a patient host, or skips the test."""
    designs = []

    def make(attach, source, changes=None, **arguments):
        design = FullPythonReward(source=source, **{"timeout_s": 30.0, **arguments})
        designs.append(design)
        try:
            return attach(design, **(changes or {}))
        except WorkerUnavailableError as error:
            pytest.skip(f"no level 'landlock+seccomp': {error.missing}")

    return make


@pytest.mark.integration
def test_rewards_are_those_of_the_same_program_in_the_closed_language(
    attach, transition, made, corridor
):
    made(attach, CLOSED)  # or the test is skipped
    python, rewards = FullPythonReward(source=CLOSED, timeout_s=30.0), []
    for design in (make_design("program", source=CLOSED), python):
        envs = gym.vector.SyncVectorEnv(
            [corridor] * 3, autoreset_mode=gym.vector.AutoresetMode.NEXT_STEP
        )
        env = shape(envs, design, gamma=0.9, seed=1)
        env.reset(seed=1)
        rng = np.random.default_rng(0)
        rewards.append([env.step(rng.integers(0, 2, 3))[1].tolist() for _ in range(40)])
    assert rewards[0] == rewards[1]
    assert len({tuple(row) for row in rewards[0]}) > 10


@pytest.mark.integration
def test_terms_and_what_the_program_is_given(attach, transition, made):
    source = HEAD + "    return obs[0] + 10 * next_obs[0] + 100 * info['b'] + 1000 * info['prev_b']"
    table = (
        Feature(name="b", description="b", low=0, high=1, dtype="bool"),
        Feature(name="grid", description="many", low=0, high=1, shape=(2,)),
    )
    t = transition(
        2,
        obs=np.array([[1.0], [2.0]]),
        next_obs=np.array([[3.0], [4.0]]),
        reward=np.array([0.25, 0.5]),
        features={"b": np.array([True, False]), "grid": np.zeros((2, 2))},
        prev_features={"b": np.array([False, True]), "grid": np.zeros((2, 2))},
    )
    design = made(attach, source, {"features": table})
    assert design(t).terms["program"].tolist() == [131.0, 1042.0]
    assert set(design(t).terms) == {"program"}
    assert not design.spec.privileged
    assert design.level == "landlock+seccomp"
    assert repr(design) == "FullPythonReward(level='landlock+seccomp')"
    assert design.provenance()["level"] == "landlock+seccomp"
    both = made(attach, source, {"features": table}, add=True)
    assert both(t).total.tolist() == [131.25, 1042.5]
    assert both(t).terms["env"].tolist() == [0.25, 0.5]


@pytest.mark.integration
def test_vectors_as_actions_and_no_vectors_as_observations(attach, transition, made):
    spaces = {
        "observation_space": gym.spaces.Dict(image=gym.spaces.Box(0, 1, (2, 2))),
        "action_space": gym.spaces.MultiDiscrete([3, 3]),
        "features": (),
    }
    design = made(attach, HEAD + "    return len(obs) + action[1]", spaces)
    image = {"image": np.zeros((1, 2, 2))}
    t = transition(obs=image, next_obs=image, action=np.array([[1, 2]]))
    assert design(t).total == [2.0]


@pytest.mark.integration
def test_a_failure_names_the_line(attach, transition, made):
    design = made(attach, HEAD + "    return 1 / info['position']")
    features = {name: np.zeros(1) for name in ("position", "lit", "subgoal", "steps_to_subgoal")}
    with pytest.raises(RewardProgramError, match=r"line 2, column 12: .* in row 0") as caught:
        design(transition(features=features, prev_features=features))
    assert caught.value.code == "division"


@pytest.mark.integration
def test_attaching_again_and_copies_start_afresh(attach, transition, made):
    counting = "n = 0\n" + HEAD + "    global n\n    n += 1\n    return n"
    design = made(attach, counting, {"features": ()})
    first = design._worker.pid
    assert [design(transition()).total[0] for _ in range(2)] == [1.0, 2.0]
    twin = copy.deepcopy(design)
    assert twin(transition()).total == [1.0]
    attach(design, features=())
    assert design(transition()).total == [1.0]
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    last = design._worker.pid, twin._worker.pid
    del design, twin
    gc.collect()
    for pid in last[1:]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.integration
def test_a_level_that_is_not_there_is_refused(attach, monkeypatch):
    lack = (
        "import resource\ndef no(*given): raise ValueError('not here')\nresource.setrlimit = no\n"
    )
    boot = process._BOOT.replace("main(sys", f"{lack}main(sys")
    monkeypatch.setattr(process, "_BOOT", boot)
    for require in ("landlock+seccomp", "rlimits"):
        with pytest.raises(WorkerUnavailableError, match="this host reaches 'none'"):
            attach(FullPythonReward(source=HEAD, require=require))
