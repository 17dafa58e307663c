"""Hiring as a PettingZoo env: a principal commits to a mechanism, experts work and report."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.acting import check_actions
from operant.envs.multiagent.hiring.instance import HiringInstance, accuracy_instance
from operant.envs.multiagent.hiring.mechanism import (
    Answer,
    Mechanism,
    answers,
    expected,
    responses,
)
from operant.envs.multiagent.hiring.optimum import InfeasibleError, optimal_mechanism
from operant.envs.multiagent.zoo import ParallelEnv
from operant.types import Float, Int

PRINCIPAL = "principal_0"
PRINCIPALS = ("menu", "payments", "optimal")
EXPERTS = ("learned", "best_response", "epsilon")
BEST = -1
"""The menu's last mechanism is the best."""
Obs = npt.NDArray[np.float32]


class HiringGame(ParallelEnv[str, Obs, Any]):  # type: ignore[misc]  # has no types
    """Rounds of hiring; everybody acts at once, and who is not asked is not listened to.

    A round has two steps where principal and experts are agents: in the first only the principal's
    action counts, in the second only the experts'. Where one side follows a script, a round is one
    step. A recommendation is drawn from the mechanism; each expert is told its own part, chooses an
    effort and what to report for each signal, and then sees one.

    Actions: of the principal an index into :attr:`menu`, or (``"payments"``) a Box of a weight per
    profile and the share of the cap that every payment is; of an expert an index into
    :func:`operant.envs.multiagent.hiring.mechanism.answers`.

    Observations, Box float32. Principal: whether it is its turn, the last round's state, reports
    and reward. Expert: whether it is its turn, the recommended effort (one place each), and the
    mechanism: its place in the menu, or all its numbers.

    Rewards: the principal gets utility minus payments, an expert payment minus cost of effort.
    Infos: ``true_reward``, ``success`` (the decision was the best for the state) and for all who
    are not learning nothing; of the principal ``regret`` (what is lost on average, against the best
    mechanism, by this one as experts with best responses answer it) and of a finished round
    ``state``, ``reports``, ``payments``.

    Attributes:
        instance: What is played.
        menu: The mechanisms to choose from: the cheapest for every profile that payments can bring
            about, in the order of the profiles, and the best of all at the end.
        optimum: What the best mechanism is worth per round; the oracle.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        *,
        instance: HiringInstance | None = None,
        principal: str = "menu",
        experts: str = "learned",
        epsilon: float = 0.1,
        rounds: int = 10,
        render_mode: str | None = None,
    ) -> None:
        """Set up the game.

        Args:
            instance: Who can be hired; None for two experts who look at a coin, at 0.05.
            principal: ``"menu"`` or ``"payments"``, an agent; ``"optimal"`` for the best mechanism.
            experts: ``"learned"``, agents; ``"best_response"``, or ``"epsilon"``: the same, but
                with probability ``epsilon`` an expert does anything.
            epsilon: In [0, 1].
            rounds: Of an episode, >= 1.
            render_mode: None.

        Raises:
            MissingExtraError: If scipy is not installed.
            ValueError: If an argument is outside its range.
        """
        if principal not in PRINCIPALS or experts not in EXPERTS:
            raise ValueError(
                f"principal must be one of {PRINCIPALS} and experts one of {EXPERTS}, got "
                f"{principal!r} and {experts!r}"
            )
        if principal == "optimal" and experts != "learned":
            raise ValueError(
                "principal 'optimal' needs experts 'learned': somebody must be an agent"
            )
        if not 0.0 <= epsilon <= 1.0:
            raise ValueError(f"epsilon must lie in [0, 1], got {epsilon}")
        if rounds < 1:
            raise ValueError(f"rounds must be >= 1, got {rounds}")
        if render_mode is not None:
            raise ValueError(f"render_mode must be None, got {render_mode!r}")
        self.instance = instance or _coin()
        self.principal, self.experts, self.epsilon, self.rounds = (
            principal,
            experts,
            epsilon,
            rounds,
        )
        self.render_mode = None
        self.menu = _menu(self.instance)
        self.optimum = self.menu[-1].value
        self._answers = [self._answered(each) for each in self.menu]
        self.metadata = {"name": "HiringAgents", "render_modes": [], "is_parallelizable": True}
        names = [f"expert_{i}" for i in range(self.instance.experts)]
        self._names = names
        leads, works = principal != "optimal", experts == "learned"
        self.possible_agents = [PRINCIPAL] * leads + names * works
        self._two_steps = leads and works
        self.agents: list[str] = []
        self.action_spaces = self._actions()
        self.observation_spaces: dict[str, Any] = {
            agent: gym.spaces.Box(-np.inf, np.inf, self._zeros(agent).shape, np.float32)
            for agent in self.possible_agents
        }
        self._rng = np.random.default_rng()
        self._played, self._last, self._profile = 0, self._nothing(), -1
        self._mechanism: Mechanism | None = None
        self._action: Any = None

    def observation_space(self, agent: str) -> Any:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (PettingZoo's signature)
    ) -> tuple[dict[str, Obs], dict[str, dict[str, Any]]]:
        """Start an episode.

        Args:
            seed: Starts the chance of the game anew; None goes on with it (at first: anyhow).
            options: Ignored.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.agents = list(self.possible_agents)
        self._played, self._last, self._profile = 0, self._nothing(), -1
        self._mechanism = None
        if self.principal == "optimal":
            self._offer(BEST)
        return self._seen(), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Obs],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Let everybody act.

        Args:
            actions: Agent -> action, for every agent.

        Raises:
            gymnasium.error.ResetNeeded: If no episode is running.
            ValueError: If an agent lacks an action, is unknown, or its action is none.
        """
        check_actions(self.agents, self.action_space, actions)
        agents, offered = self.agents, self._mechanism is None
        if offered:
            self._offer(actions[PRINCIPAL])
        rewards = dict.fromkeys(agents, 0.0)
        told: dict[str, Any] = {}
        if not (offered and self._two_steps):
            rewards, told = self._play(actions)
        over = self._played >= self.rounds
        infos: dict[str, dict[str, Any]] = {
            agent: {"true_reward": rewards[agent], "success": told.get("success", False)}
            for agent in agents
        }
        if PRINCIPAL in infos:
            infos[PRINCIPAL] |= told
        self.agents = [] if over else agents
        return (
            self._seen(),
            rewards,
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            infos,
        )

    def get_state(self) -> dict[str, Any]:
        """Return everything that decides the future, in what JSON can hold."""
        return {
            "rng": self._rng.bit_generator.state,
            "agents": self.agents,
            "played": self._played,
            "last": {name: values.tolist() for name, values in self._last.items()},
            "action": None if self._mechanism is None else self._action,
            "profile": self._profile,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`get_state` returned, of a game with the same arguments."""
        self._rng = np.random.default_rng()  # a copy of this game may share the one before
        self._rng.bit_generator.state = state["rng"]
        self.agents = list(state["agents"])
        self._played, self._profile = state["played"], state["profile"]
        self._last = {name: np.array(values) for name, values in state["last"].items()}
        self._action = state["action"]
        self._mechanism = None if self._action is None else self._proposed(self._action)

    def state(self) -> Obs:
        """Return the state and the signals of the last round, one place each."""
        return np.concatenate([self._last["state"], self._last["signals"]]).astype(np.float32)

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of :meth:`state`."""
        size = len(self.instance.prior) + sum(self.instance.readings)
        return gym.spaces.Box(0, 1, (size,), np.float32)

    def render(self) -> None:
        """Return nothing: there is nothing to be seen."""

    def close(self) -> None:
        """Give nothing back: there is nothing held."""

    # ---- a round ------------------------------------------------------------------------------

    def _offer(self, action: Any) -> None:
        self._action = np.asarray(action).tolist()  # what the mechanism can be made from anew
        self._mechanism = mechanism = self._proposed(self._action)
        self._profile = int(self._rng.choice(len(mechanism.odds), p=mechanism.odds))

    def _proposed(self, action: Any) -> Mechanism:
        """Return the mechanism that the principal's action stands for."""
        if self.principal != "payments":
            return self.menu[int(action)]
        game, count = self.instance, len(self.instance.profiles)
        numbers = np.clip(np.asarray(action, np.float64), 0.0, 1.0)
        weights = numbers[:count] if numbers[:count].sum() > 0 else np.ones(count)
        tables = game.cap * numbers[count:].reshape(count, game.experts, *self._table)
        return Mechanism(
            odds=weights / weights.sum(),
            payments=tuple(tuple(tables[k]) for k in range(count)),
            decisions=tuple(game.decisions(profile) for profile in game.profiles),
        )

    def _play(self, actions: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
        """Let experts work and report; pay everybody."""
        game, mechanism = self.instance, self._mechanism
        if mechanism is None:  # pragma: no cover
            raise AssertionError("a round is played before a mechanism was offered")
        profile = game.profiles[self._profile]
        known = [a for m, a in zip(self.menu, self._answers, strict=True) if m is mechanism]
        best, value = known[0] if known else self._answered(mechanism)
        given = [self._answer(i, profile[i], best, actions) for i in range(game.experts)]
        joint = game.joint([effort for effort, _ in given])
        drawn = np.unravel_index(self._rng.choice(joint.size, p=joint.ravel()), joint.shape)
        state, *signals = (int(place) for place in drawn)
        reports = tuple(answer[1][s] for answer, s in zip(given, signals, strict=True))
        decision = int(mechanism.decisions[self._profile][reports])
        paid = [float(pay[(*reports, state)]) for pay in mechanism.payments[self._profile]]
        gained = float(game.utility[decision, state]) - sum(paid)
        rewards = {PRINCIPAL: gained} | {
            name: paid[i] - float(game.costs[i][given[i][0]]) for i, name in enumerate(self._names)
        }
        self._remember(state, signals, reports, gained)
        told = {
            "success": bool(game.utility[decision, state] == game.utility[:, state].max()),
            "regret": self.optimum - value,
            "state": state,
            "reports": reports,
            "payments": tuple(paid),
        }
        self._played, self._mechanism = self._played + 1, None
        if self.principal == "optimal":
            self._offer(BEST)
        return {agent: rewards[agent] for agent in self.agents}, told

    def _answered(self, mechanism: Mechanism) -> tuple[list[list[Answer]], float]:
        """Return how experts best answer a mechanism, and what it is worth then."""
        best = responses(self.instance, mechanism)
        return best, expected(self.instance, mechanism, best)

    def _answer(
        self, i: int, effort: int, best: list[list[Answer]], actions: Mapping[str, Any]
    ) -> Answer:
        """Return what an expert does."""
        every = answers(self.instance, i)
        if self.experts == "learned":
            return every[int(actions[self._names[i]])]
        if self.experts == "epsilon" and self._rng.random() < self.epsilon:
            return every[int(self._rng.integers(len(every)))]
        return best[i][effort]

    # ---- what is seen -------------------------------------------------------------------------

    @property
    def _table(self) -> tuple[int, ...]:
        return (*self.instance.readings, len(self.instance.prior))

    def _nothing(self) -> dict[str, Float]:
        states, signals = len(self.instance.prior), sum(self.instance.readings)
        sizes = {"state": states, "signals": signals, "reports": signals, "reward": 1}
        return {name: np.zeros(size) for name, size in sizes.items()}

    def _remember(
        self, state: int, signals: list[int], reports: tuple[int, ...], gained: float
    ) -> None:
        self._last = self._nothing()
        self._last["state"][state], self._last["reward"][0] = 1.0, gained
        starts: Int = np.concatenate([[0], np.cumsum(self.instance.readings)[:-1]])
        self._last["signals"][starts + signals] = 1.0
        self._last["reports"][starts + np.array(reports)] = 1.0

    def _zeros(self, agent: str) -> Float:
        """Return an observation of nothing."""
        if agent == PRINCIPAL:
            nothing = self._nothing()
            return np.zeros(1 + sum(len(nothing[n]) for n in ("state", "reports", "reward")))
        i = self._names.index(agent)
        return np.zeros(1 + self.instance.efforts[i] + len(self._numbers(self.menu[0])))

    def _numbers(self, mechanism: Mechanism) -> Float:
        """Return a mechanism as experts see it."""
        if self.principal == "payments":
            tables = [np.ravel(pay) for pays in mechanism.payments for pay in pays]
            return np.concatenate([mechanism.odds, *tables])
        return np.array([float(mechanism is each) for each in self.menu])

    def _seen(self) -> dict[str, Obs]:
        seen: dict[str, Obs] = {}
        for agent in self.possible_agents:
            obs = self._zeros(agent)
            if agent == PRINCIPAL:
                obs[0] = float(
                    self._mechanism is None
                )  # the end is a time limit's: no state is last
                obs[1:] = np.concatenate([self._last[n] for n in ("state", "reports", "reward")])
            elif self._mechanism is not None:
                i = self._names.index(agent)
                obs[0] = 1.0
                obs[1 + self.instance.profiles[self._profile][i]] = 1.0
                obs[1 + self.instance.efforts[i] :] = self._numbers(self._mechanism)
            seen[agent] = obs.astype(np.float32)
        return seen

    # ---- what is done -------------------------------------------------------------------------

    def _actions(self) -> dict[str, Any]:
        spaces: dict[str, Any] = {}
        for agent in self.possible_agents:
            if agent != PRINCIPAL:
                count = len(answers(self.instance, self._names.index(agent)))
                spaces[agent] = gym.spaces.Discrete(count)
            elif self.principal == "menu":
                spaces[agent] = gym.spaces.Discrete(len(self.menu))
            else:
                count = len(self.instance.profiles)
                size = count * (1 + self.instance.experts * int(np.prod(self._table)))
                spaces[agent] = gym.spaces.Box(0.0, 1.0, (size,), np.float32)
        return spaces


@functools.cache
def _coin() -> HiringInstance:
    return accuracy_instance()


@functools.lru_cache(maxsize=16)  # instances are their own keys: a new one is solved anew
def _menu(instance: HiringInstance) -> tuple[Mechanism, ...]:
    menu = []
    for profile in instance.profiles:
        try:
            menu.append(optimal_mechanism(instance, profile=profile))
        except InfeasibleError:
            continue  # no payments make experts do that
    return (*menu, optimal_mechanism(instance))
