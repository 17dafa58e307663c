"""SB3's callbacks: the order of calls, what they can read, and stopping in mid-rollout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import operant.agents.sb3.bridge as bridge
from operant.agents import PPO


class Tape(BaseCallback):
    """Notes what is called, and stops at a number of transitions."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__()
        self.stop, self.calls, self.steps = stop, [], []

    def _on_training_start(self) -> None:
        self.calls.append("training_start")
        assert self.locals["total_timesteps"] == self.locals["self"].num_timesteps + 24
        assert self.logger is self.model.logger
        assert self.training_env is self.model.get_env()

    def _on_rollout_start(self) -> None:
        self.calls.append("rollout_start")

    def _on_step(self) -> bool:
        self.calls.append("step")
        names = ("rewards", "dones", "actions", "new_obs")
        step = {name: np.array(self.locals[name]) for name in names}
        step |= {"infos": [dict(info) for info in self.locals["infos"]], "n": self.num_timesteps}
        self.steps.append(step)
        assert self.num_timesteps == self.model.num_timesteps
        assert self.locals["self"] is self.model
        assert torch.is_grad_enabled()
        return self.stop is None or self.num_timesteps < self.stop

    def _on_rollout_end(self) -> None:
        self.calls.append("rollout_end")
        buffer = self.model.rollout_buffer
        assert np.isfinite(buffer.advantages).all()
        assert np.allclose(buffer.returns, buffer.advantages + buffer.values)

    def _on_training_end(self) -> None:
        self.calls.append("training_end")


def build(env, **hyper):
    return PPO("MlpPolicy", env, **{"n_steps": 4, "batch_size": 8, "seed": 1, **hyper})


KINDS = {
    "sb3": lambda walk, loop: DummyVecEnv([lambda: Monitor(walk())] * 3),
    "gym": lambda walk, loop: loop(walk, 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_calls(kind, walk, loop) -> None:
    tape = Tape()
    build(KINDS[kind](walk, loop)).learn(24, tape)
    rollout = ["rollout_start", *["step"] * 4, "rollout_end"]
    assert tape.calls == ["training_start", *rollout, *rollout, "training_end"]
    assert [step["n"] for step in tape.steps] == list(range(3, 25, 3))
    assert tape.n_calls == 8


@pytest.mark.parametrize("kind", KINDS)
def test_what_callbacks_read_at_a_step(kind, walk, loop) -> None:
    tape = Tape()
    build(KINDS[kind](walk, loop)).learn(24, tape)
    paid = np.zeros(3)
    for number, step in enumerate(tape.steps):
        paid += step["rewards"]
        assert (step["actions"] == 1).tolist() == step["rewards"].astype(bool).tolist()
        assert step["dones"].tolist() == [number == 4] * 3
        assert step["new_obs"][:, 0].tolist() == [(number + 1) % 5] * 3
        for row, info in enumerate(step["infos"]):
            assert info["at"] == number % 5 + 1
            assert ("episode" in info) == ("terminal_observation" in info) == (number == 4)
            if number == 4:
                assert info["terminal_observation"][0] == 5
                assert info["TimeLimit.truncated"] is True
                assert info["episode"]["r"] == paid[row]
                assert info["episode"]["l"] == 5
                assert info["episode"]["t"] >= 0
                assert info["is_success"]


def test_infos_are_built_when_they_are_read(walk, loop) -> None:
    seen = []

    def look(names, _):
        seen.append(names["infos"])
        return True

    build(loop(walk, 3)).learn(24, look)
    infos = seen[4]
    assert not infos._rows
    assert infos[-1] is infos[2]
    assert list(infos._rows) == [2]
    assert len(infos) == 3
    assert infos[:2] == [infos[0], infos[1]]
    with pytest.raises(IndexError, match="row must lie in"):
        infos[3]


def test_in_next_step_mode_infos_know_the_last_observation(walk, loop) -> None:
    tape = Tape()
    build(loop(walk, 2, "NEXT_STEP")).learn(24, tape)
    ended = tape.steps[4]
    assert ended["dones"].all()
    assert [info["terminal_observation"][0] for info in ended["infos"]] == [5, 5]
    assert [step["n"] for step in tape.steps][4:7] == [10, 10, 12]  # a pseudo-step is no step


def test_without_callback_nothing_is_built_per_step(walk, loop, monkeypatch) -> None:
    monkeypatch.setattr(bridge, "LazyInfos", None)
    monkeypatch.setattr(bridge.CallbackBridge, "stepped", None)
    build(loop(walk, 3)).learn(24)


@pytest.mark.parametrize("kind", KINDS)
def test_false_stops_in_the_middle_of_a_rollout(kind, walk, loop) -> None:
    tape = Tape(stop=18)
    model = build(KINDS[kind](walk, loop))
    model.learn(24, tape)
    assert tape.calls[-4:] == ["rollout_start", "step", "step", "training_end"]
    assert model.num_timesteps == 18
    assert model.agent.num_updates == 10  # the first rollout's alone
    model.learn(24, Tape(), reset_num_timesteps=False)
    assert model.num_timesteps == 18 + 24
    assert model._last_obs[0, 0] == 8 % 5  # new episodes began


def test_a_function_and_a_list_are_callbacks(walk) -> None:
    model = build(walk())
    model.learn(24, lambda names, _: names["self"].num_timesteps < 3)
    assert model.num_timesteps == 3
    tapes = [Tape(), Tape(stop=2)]
    build(walk()).learn(24, tapes)
    assert [len(tape.steps) for tape in tapes] == [2, 2]
    tapes = [Tape(), Tape()]
    build(walk()).learn(24, CallbackList(tapes))
    assert tapes[0].calls == tapes[1].calls
    with pytest.raises(TypeError, match=r"callback must be .* got int"):
        build(walk()).learn(24, 3)


def test_stock_callbacks(walk, tmp_path) -> None:
    model = build(DummyVecEnv([lambda: Monitor(walk())] * 2))
    stop = StopTrainingOnRewardThreshold(reward_threshold=-1, verbose=0)
    evaluate = EvalCallback(
        DummyVecEnv([lambda: Monitor(walk())]),
        callback_on_new_best=stop,
        n_eval_episodes=2,
        eval_freq=5,
        log_path=str(tmp_path),
        best_model_save_path=str(tmp_path),
        verbose=0,
    )
    checkpoint = CheckpointCallback(save_freq=2, save_path=str(tmp_path), name_prefix="walk")
    model.learn(1000, [checkpoint, evaluate])
    assert model.num_timesteps == 10
    assert {path.name for path in tmp_path.iterdir()} == {
        "best_model.zip",
        "evaluations.npz",
        "walk_4_steps.zip",
        "walk_8_steps.zip",
    }
    assert PPO.load(tmp_path / "best_model").num_timesteps == 10
    every = EveryNTimesteps(n_steps=6, callback=Tape())
    every.callback._on_training_start = lambda: None
    model.learn(24, every)
    assert every.callback.n_calls == 4
    model.learn(1000, StopTrainingOnMaxEpisodes(max_episodes=3, verbose=0))
    assert model.num_timesteps == 3 * 2 * 5  # SB3 counts them per env


def test_evaluation_sees_what_training_normalises(walk) -> None:
    model = build(VecNormalize(DummyVecEnv([walk])))
    other = VecNormalize(DummyVecEnv([lambda: Monitor(walk())]), training=False)
    model.learn(24, EvalCallback(other, n_eval_episodes=1, eval_freq=6, verbose=0))
    assert model.get_vec_normalize_env().obs_rms.count > 20
    assert other.obs_rms.count > 20


def test_progress_bar_says_what_it_needs(walk) -> None:
    pytest.importorskip("rich")
    try:
        import tqdm  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="tqdm and rich"):
            build(walk()).learn(24, progress_bar=True)
    else:
        build(walk()).learn(24, progress_bar=True)
