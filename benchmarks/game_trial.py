"""What a run on a game of several players trains, and how it is judged."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from operant import agents
from operant.agents.base import Trainee
from operant.agents.games.players import TablePlayer, TeamPlayer, uniform
from operant.benchmarks.evaluate import means
from operant.benchmarks.files import canonical_json
from operant.benchmarks.game_judges import Act, StatesJudge, TeamJudge, TreeJudge
from operant.benchmarks.metrics import Metric, metric
from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.specs import RunSpec
from operant.envs import multiagent
from operant.errors import OperantError
from operant.games import GameForms
from operant.seeding import SeedTree
from operant.types import Int


class GameTrial:
    """A run whose agent sits on all seats of a game; see :class:`EnvTrial` for the methods.

    Of an evaluation, exact judgements are of ``points``, ``since`` and ``references`` alone; played
    ones have ``episodes`` and ``deterministic`` as well.

    Attributes:
        metric: By what the game is scored: exploitability if it is a zero-sum game, else welfare.
    """

    def __init__(self, spec: RunSpec, *, should_stop: Callable[[], bool]) -> None:
        """Build the judge.

        Args:
            spec: The run; its env id is one of ``operant.envs.multiagent.games()``.
            should_stop: Asked now and then while games last; True abandons them.

        Raises:
            OperantError: If the run asks for what games have not (a reward design, a machine's
                memory, recorded episodes), the game cannot be scored, or it is not of the kind that
                the agent plays.
            UnknownIdError: If there is no such game.
        """
        asked = {
            "design": (spec.design, "none"),
            "design_kwargs": (dict(spec.design_kwargs), {}),
            "show_memory": (spec.show_memory, False),
            "evaluation.recorded": (spec.evaluation.recorded, 0),
        }
        for name, (given, only) in asked.items():
            if given != only:
                raise OperantError(
                    f"agent {spec.agent!r} plays games for what they pay, and nobody watches: "
                    f"{name} must be {only!r}, got {given!r}"
                )
        self._spec, self._tree, self._should_stop = spec, SeedTree(spec.seed), should_stop
        row = cast(multiagent.GameRow, multiagent.games()[spec.env_id])
        self.metric: Metric = metric(row.metric)
        self._game, self._judge = _known(spec.env_id, canonical_json(dict(spec.env_kwargs)))
        tags = agents.agent_row(spec.agent).tags
        if self._judge.form not in tags:
            raise OperantError(
                f"agent {spec.agent!r} plays games given as {' or '.join(tags)}, and "
                f"{spec.env_id} is given as {self._judge.form}"
            )

    def build(self) -> Trainee:
        """Return what is trained, untrained."""
        spec = self._spec
        return agents.make_game_agent(
            spec.agent,
            self._game,
            num_envs=spec.num_envs,
            seed=self._tree.seed("agent"),
            **{**spec.agent_config, "gamma": spec.gamma},
        )

    def score(self, trained: Trainee, **_: Any) -> EvalTable:
        """Judge it as it is now; nobody watches episodes.

        Raises:
            InterruptedRunError: If a stop was asked for before all games had ended.
        """
        step, judge = trained.num_steps, self._judge
        if not isinstance(judge, TeamJudge):
            return judge.judged(cast(TablePlayer, trained).table(judge.game), step)
        team, deterministic = cast(TeamPlayer, trained), self._spec.evaluation.deterministic
        with team.sampling(self._tree.seed(f"evaluation {step}")):
            return self._played(judge, lambda obs: team.act(obs, deterministic=deterministic), step)

    def references(self) -> References:
        """Score chance, and perfect play where it is known."""
        judge = self._judge
        if isinstance(judge, TeamJudge):
            rng = np.random.default_rng(self._tree.seed("random policy"))
            actions = judge.batch(1).action_space.n

            def draw(obs: npt.NDArray[Any]) -> Int:
                return rng.integers(actions, size=obs.shape[:2])

            chance = means(self._played(judge, draw, 0))
            return References(random=chance, best=getattr(judge.batch(1), "optimum", None))
        perfect = None if judge.perfect is None else means(judge.judged(judge.perfect, 0))
        chance = means(judge.judged(uniform(judge.game), 0))
        return References(random=chance, oracle=perfect, best=0.0)  # an equilibrium always exists

    def picture(self, trained: Trainee) -> bytes | None:  # noqa: ARG002
        """Return no animation: many policies act, in an env without one view."""
        return None

    def provenance(self) -> dict[str, Any]:
        """Return what is known of the design: there is none."""
        return {}

    def _played(self, judge: TeamJudge, act: Act, step: int) -> EvalTable:
        spec = self._spec
        return judge.played(
            act,
            episodes=spec.evaluation.episodes,
            seed=self._tree.seed("evaluation"),
            gamma=spec.gamma,
            step=step,
            should_stop=self._should_stop,
        )


@functools.lru_cache(maxsize=4)
def _known(game_id: str, kwargs: str) -> tuple[GameForms, TreeJudge | StatesJudge | TeamJudge]:
    """Return a game and its judge; kept, as seeds share them and trees take seconds."""
    options = json.loads(kwargs)
    row = cast(multiagent.GameRow, multiagent.games()[game_id])
    game = GameForms(
        batch=functools.partial(multiagent.make_batch, game_id, **options),
        tree=functools.cache(functools.partial(multiagent.tree, game_id, **options)),
        states=functools.cache(functools.partial(multiagent.states, game_id, **options)),
    )
    if "zero-sum" not in row.tags:
        if row.interface != "parallel" or not row.batch_entry_point:
            raise OperantError(
                f"{game_id} cannot be scored: neither is it a zero-sum game of turns, nor do all "
                "act at once in rows"
            )
        return game, TeamJudge(game.batch)
    if "perfect-information" in row.tags:
        return game, StatesJudge(game.states())
    return game, TreeJudge(game.tree())
