"""Each rule of check_env catches the fault it is meant for, on one env broken in many ways."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3.common.env_checker as sb3
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from operant.errors import ContractError
from operant.testing import ENV_RULES, check_env
from operant.types import Card, Feature, Oracle

GOAL, LIMIT = 8, 30
CARD = Card(
    id="Walk-v0",
    description="Walk right to the goal.",
    observation="Box: position and wind",
    action="Discrete(2): left, right",
    reward="1 at the goal",
    termination="at the goal",
    truncation=f"after {LIMIT} steps",
    success="at the goal",
    metric="success",
    oracle="exact",
    features=(Feature(name="position", description="cell", low=0, high=GOAL, dtype="int"),),
)


class Walk(gym.Env):
    """A correct env: walk to cell 8 from a random start while a random wind is shown."""

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 4, "reward_range": (0.0, 1.0)}  # noqa: RUF012
    card, max_steps = CARD, LIMIT

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(0, GOAL, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.running = False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position, self.age, self.running = int(self.np_random.integers(5)), 0, True
        return self.observe(), {"features": self.features()}

    def step(self, action):
        if not self.running:
            raise gym.error.ResetNeeded("call reset()")
        if not self.action_space.contains(action):
            raise ValueError(f"action must be 0 or 1, got {action!r}")
        self.position = max(0, self.position + (1 if action else -1))
        self.age += 1
        reward = self.reward()
        terminated, truncated = self.position == GOAL, self.age >= LIMIT
        self.running = not (terminated or truncated)
        info = {"features": self.features(), "true_reward": reward}
        if not self.running:
            info["success"] = terminated
        return self.observe(), reward, terminated, truncated, info

    def observe(self):
        return np.array([self.position, self.np_random.random()], np.float32)

    def reward(self):
        return float(self.position == GOAL)

    def features(self):
        return {"position": float(self.position)}

    def oracle(self):
        length = GOAL - self.position
        return Oracle(
            kind="exact",
            optimal_return=1.0,
            solution_length=length,
            actions=(1,) * length,
            method="walk right",
        )

    def render(self):
        if self.render_mode == "ansi":
            return "." * self.position + "A"
        frame = np.zeros((4, 4 * (GOAL + 1), 3), np.uint8)
        frame[:, 4 * self.position : 4 * self.position + 4] = 255
        return frame

    def get_state(self):
        rng = json.dumps(self.np_random.bit_generator.state).encode()
        numbers = np.array([self.position, self.age, self.running])
        return {"numbers": numbers, "rng": np.frombuffer(rng, np.uint8)}

    def set_state(self, state):
        self.position, self.age, self.running = (int(number) for number in state["numbers"])
        self.np_random.bit_generator.state = json.loads(state["rng"].tobytes())


class ObservesOutsideSpace(Walk):
    def observe(self):
        return super().observe() - 2


class ObservesWrongDtype(Walk):
    def observe(self):
        return super().observe().astype(np.int8)


class PaysNumpyNumbers(Walk):
    def reward(self):
        return np.float64(super().reward())


class PaysNanAtStep12(Walk):
    def reward(self):
        return float("nan") if self.age == 12 else super().reward()


class PutsSetIntoInfo(Walk):
    def step(self, action):
        *rest, info = super().step(action)
        return *rest, {**info, "visited": {self.position}}


class KeepsSuccessSecret(Walk):
    def step(self, action):
        *rest, info = super().step(action)
        info.pop("success", None)
        return *rest, info


class KeepsTrueRewardSecret(Walk):
    def step(self, action):
        *rest, info = super().step(action)
        del info["true_reward"]
        return *rest, info


class FeatureLeavesRange(Walk):
    def features(self):
        return {"position": self.position + 2.0}


class FeaturesMissingAfterReset(Walk):
    def reset(self, **kwargs):
        return super().reset(**kwargs)[0], {}


class FeatureIsHalf(Walk):
    def features(self):
        return {"position": self.position / 2}


class PaysTwo(Walk):
    def reward(self):
        return 2 * super().reward()


class DrawsGloballyAfterStep3(Walk):
    def observe(self):
        wind = np.random.random() if self.age > 3 else 0.5  # noqa: NPY002
        return np.array([self.position, wind], np.float32)


class ReseedsGlobally(Walk):
    def reset(self, **kwargs):
        random.seed(0)
        return super().reset(**kwargs)


class DrawsFromEntropyAfterStep3(Walk):
    def observe(self):
        wind = np.random.default_rng().random() if self.age > 3 else 0.5
        return np.array([self.position, wind], np.float32)


class IgnoresSeed(Walk):
    def reset(self, *, seed=None, options=None):
        self.own = np.random.default_rng(0)
        super().reset(seed=seed)
        self.position = 2
        return self.observe(), {"features": self.features()}

    def observe(self):
        return np.array([self.position, self.own.random()], np.float32)


class RemembersEarlierLives(Walk):
    steps = 0

    def step(self, action):
        self.steps += 1
        return super().step(action)

    def observe(self):
        return super().observe() * np.float32(0.5 if self.steps > 30 else 1)


class ReplaysFirstSeed(Walk):
    seed = None

    def reset(self, *, seed=None, options=None):
        self.seed = self.seed if seed is None else seed
        return super().reset(seed=self.seed)


class ReturnsItsBuffer(Walk):
    buffer = None

    def observe(self):
        if self.buffer is None:
            self.buffer = np.zeros(2, np.float32)
        self.buffer[:] = super().observe()
        return self.buffer


class TrustsReturnedInfo(Walk):
    def step(self, action):
        if self.age > 2:
            self.position = int(self.last["features"]["position"]) if self.last else 0
        *rest, self.last = super().step(action)
        return *rest, self.last


class ForgetsAgeWhenCopied(Walk):
    def __getstate__(self):
        return {**self.__dict__, "age": 0}


class CannotBePickled(Walk):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.callback = lambda: None


class SavesStateWithoutGenerator(Walk):
    def set_state(self, state):
        before = self.np_random.bit_generator.state
        super().set_state(state)
        self.np_random.bit_generator.state = before


class StepsBeforeReset(Walk):
    def step(self, action):
        if not hasattr(self, "position"):
            self.reset()
        return super().step(action)


class StepsAfterEnd(Walk):
    def step(self, action):
        self.running = hasattr(self, "position")
        return super().step(action)


class TakesAnyAction(Walk):
    def step(self, action):
        return super().step(int(action == 1))


class ChangesBeforeItRefuses(Walk):
    def step(self, action):
        if self.running:
            self.np_random.random()
        return super().step(action)


class RefusesCryptically(Walk):
    def step(self, action):
        {0: 0, 1: 0}.get(action) or "ok"[0 if action in (0, 1) else 9]
        return super().step(action)


class TerminatesAtLimit(Walk):
    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, reward, terminated or truncated, False, info


class NeverTruncates(Walk):
    def step(self, action):
        self.age = min(self.age, LIMIT - 2)
        return super().step(action)


class OracleIsTooOptimistic(Walk):
    def oracle(self):
        honest = super().oracle()
        return Oracle(
            kind="exact",
            optimal_return=1.0,
            solution_length=honest.solution_length - 1,
            actions=honest.actions[1:],
            method="lie",
        )


class RendersOneColour(Walk):
    def render(self):
        frame = super().render()
        return frame if isinstance(frame, str) else frame * 0


class RenderingDrawsRandomness(Walk):
    def render(self):
        self.np_random.random()
        return super().render()


class ClosesOnce(Walk):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class HasSeedMethod(Walk):
    def seed(self, seed):
        self.reset(seed=seed)


FAULTS = {
    ObservesOutsideSpace: "gymnasium",
    ObservesWrongDtype: "observations_in_space",
    PaysNumpyNumbers: "plain_reward_and_flags",
    PaysNanAtStep12: "finite",
    PutsSetIntoInfo: "info_is_json",
    KeepsSuccessSecret: "info_keys",
    KeepsTrueRewardSecret: "info_keys",
    FeatureLeavesRange: "features_match_card",
    FeaturesMissingAfterReset: "features_match_card",
    FeatureIsHalf: "features_match_card",
    PaysTwo: "reward_in_range",
    DrawsGloballyAfterStep3: "no_global_randomness",
    ReseedsGlobally: "no_global_randomness",
    DrawsFromEntropyAfterStep3: "same_seed_same_trace",
    IgnoresSeed: "seed_matters",
    RemembersEarlierLives: "reseed_equals_fresh",
    ReplaysFirstSeed: "reset_continues_stream",
    ReturnsItsBuffer: "no_aliasing",
    TrustsReturnedInfo: "no_aliasing",
    ForgetsAgeWhenCopied: "deepcopy_same_future",
    CannotBePickled: "pickle_same_future",
    SavesStateWithoutGenerator: "state_round_trip",
    StepsBeforeReset: "step_before_reset",
    StepsAfterEnd: "step_after_end",
    TakesAnyAction: "action_edges",
    ChangesBeforeItRefuses: "action_edges",
    RefusesCryptically: "action_edges",
    TerminatesAtLimit: "time_limit_truncates",
    NeverTruncates: "time_limit_truncates",
    OracleIsTooOptimistic: "oracle_holds",
    RendersOneColour: "render",
    RenderingDrawsRandomness: "render",
    ClosesOnce: "close_twice",
    HasSeedMethod: "gymnasium_warnings",
}

UNSEEN_BY_GYMNASIUM = [
    PaysNanAtStep12,
    PutsSetIntoInfo,
    KeepsSuccessSecret,
    FeatureLeavesRange,
    PaysTwo,
    DrawsGloballyAfterStep3,
    DrawsFromEntropyAfterStep3,
    IgnoresSeed,
    RemembersEarlierLives,
    ReplaysFirstSeed,
    ReturnsItsBuffer,
    ForgetsAgeWhenCopied,
    StepsAfterEnd,
    TakesAnyAction,
    TerminatesAtLimit,
]


def _small(env, **kwargs):
    check_env(env, steps=400, subprocess=False, **kwargs)


@pytest.fixture
def rng_states() -> Iterator[None]:
    """Broken envs may leave the global generators changed; put them back."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])  # noqa: NPY002


def test_correct_env_passes() -> None:
    _small(Walk)


@pytest.mark.integration
@pytest.mark.parametrize(("fault", "rule"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", x))
def test_fault_is_caught_by_its_rule(fault: type[Walk], rule: str, rng_states: None) -> None:
    with pytest.raises(ContractError, match=rf"rule '{rule}' is broken: .* Fix: "):
        _small(fault)


@pytest.mark.parametrize("fault", UNSEEN_BY_GYMNASIUM)
def test_gymnasium_alone_would_accept_it(fault: type[Walk], rng_states: None) -> None:
    gymnasium_check_env(fault(), skip_render_check=True)


@pytest.mark.parametrize("fault", [PaysNanAtStep12, DrawsGloballyAfterStep3, ReturnsItsBuffer])
def test_sb3_alone_would_accept_it(fault: type[Walk], rng_states: None) -> None:
    sb3.check_env(fault(), warn=False, skip_render_check=True)


def test_every_rule_but_the_process_one_has_a_fault_above() -> None:
    names = {rule.__name__.removeprefix("rule_") for rule in ENV_RULES}
    assert names - set(FAULTS.values()) == {"other_process_same_trace"}


def test_hash_order_is_caught_in_another_process(tmp_path, monkeypatch) -> None:
    source = """
import gymnasium as gym, numpy as np
class Hashed(gym.Env):
    observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observe(), {}
    def step(self, action):
        return self.observe(), 0.0, False, False, {}
    def observe(self):
        salted = np.float32(hash("operant") % 1000 / 1000)
        return np.array([salted, self.np_random.random()], np.float32)
"""
    (tmp_path / "hashed_env.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    import hashed_env

    no_reset = {"step_before_reset": "it has no state to miss", "action_edges": "no actions matter"}
    with pytest.raises(ContractError, match=r"rule 'other_process_same_trace'.*from call 0 on"):
        check_env(hashed_env.Hashed, steps=100, skip=no_reset)
    check_env(hashed_env.Hashed, steps=100, skip=no_reset, subprocess=False)


@pytest.mark.integration
def test_third_party_env_passes_by_id_and_as_instance() -> None:
    check_env("CartPole-v1", steps=300, skip={"render": "opens a window system"})
    made = gym.make("CartPole-v1")
    _small(made, skip={"render": "opens a window system"})


def test_declared_determinism_is_held_against_the_env() -> None:
    with pytest.raises(ContractError, match=r"'seed_matters'.*declared deterministic"):
        _small(Walk, deterministic=True)


def test_skipped_rule_is_not_applied_and_needs_a_reason() -> None:
    wanted = "doubled on purpose"
    _small(PaysTwo, skip={"reward_in_range": wanted, "oracle_holds": wanted})
    with pytest.raises(ValueError, match="reasons"):
        _small(Walk, skip={"reward_in_range": " "})
    with pytest.raises(ValueError, match="no_such_rule"):
        _small(Walk, skip={"no_such_rule": "why not"})


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be >= 100"):
        check_env(Walk, steps=99)
    with pytest.raises(TypeError, match="cannot be made again"):
        check_env(Walk())
    with pytest.raises(ValueError, match="another process cannot import"):
        check_env(lambda: Walk())
