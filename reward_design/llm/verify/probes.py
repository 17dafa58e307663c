"""Third stage: whether cheating pays more than solving the task."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.verify.experience import CYCLE
from operant.reward_design.llm.verify.outputs import paid
from operant.reward_design.llm.verify.stages import Case
from operant.reward_design.llm.verify.steps import PlayedEpisode
from operant.types import Float

_ADVICE = {
    "standing still": "let nothing that can be had by waiting pay at every step",
    "oscillating": 'take back what is undone: pay a difference, info["x"] - info["prev_x"]',
    "dying early": "let the end of an episode be no way out of costs per step",
    "acting at random": "look at the signs of its terms, and pay for what the solution needs",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlayedReturn:
    """What an episode is worth.

    Attributes:
        episode: The episode.
        designed: Its discounted designed return.
        undiscounted: The same without a discount.
        true: Its discounted true return.
    """

    episode: PlayedEpisode
    designed: float
    undiscounted: float
    true: float


class HackProbes:
    """Compares the designed return of cheats with that of the solution of the same level.

    A cheat is an episode without success that is truly worth less than the solution. A repetition
    that was cut is continued to the time limit where it has become periodic. Without a solution,
    the successful episodes of random play stand for it.
    """

    name = "probe"

    def check(self, case: Case) -> list[Finding]:
        """Return a warning for each kind of cheat that earns at least what the solution does."""
        if case.program is None or case.outputs is None:
            raise ValueError("probes need the dry run before them")
        rewards = paid(case.program, case.outputs)
        if rewards is None:
            return [self._note(_NO_REWARD[case.form])]
        played = _returns(case, rewards)
        models = [each for each in played if each.episode.policy == "solution"]
        models = models or [each for each in played if each.episode.success]
        if not models:
            return [self._note(f"cheats were not compared: {case.ground.experience.missing}")]
        mean = float(np.mean([model.designed for model in models]))
        case.summary["returns"] = {"solution": mean}
        findings = []
        for kind, best, model in _worst(played, models):
            case.summary["returns"][kind] = best.designed
            if best.designed >= model.designed - 1e-9:
                findings.append(self._cheat(kind, best, model))
        return findings

    def _cheat(self, kind: str, cheat: PlayedReturn, model: PlayedReturn) -> Finding:
        episode = cheat.episode
        start = f" after {episode.after} steps of the solution" if episode.after else ""
        doing = "" if episode.policy == "random" else f" ({episode.words}{start})"
        return Finding(
            stage=self.name,
            severity="warning",
            code=kind,
            message=(
                f"{kind}{doing} earns {cheat.designed:.4g} discounted in an episode, "
                f"the solution {model.designed:.4g}"
            ),
            hint=_ADVICE[kind],
            data={
                "actions": episode.words,
                "after": episode.after,
                "level": episode.level,
                "designed": cheat.designed,
                "undiscounted": cheat.undiscounted,
                "true": cheat.true,
                "solution": model.designed,
                "solution_undiscounted": model.undiscounted,
                "solution_true": model.true,
            },
        )

    def _note(self, message: str) -> Finding:
        return Finding(stage=self.name, severity="note", code="skipped", message=message)


_NO_REWARD = {
    "potential": "shaping by a potential keeps the best policy, so cheats were not compared",
    "factors": "what factors are worth is learned later, so cheats cannot be compared yet",
}


def discounted(rewards: Float, left: int, gamma: float) -> float:
    """Return the discounted return of an episode that was cut after T steps.

    Args:
        rewards: (T,).
        left: Steps that would have followed; they are counted if the last two cycles are equal.
        gamma: Discount, in [0, 1].
    """
    total = float(rewards @ gamma ** np.arange(len(rewards)))
    cycle = rewards[-CYCLE:]
    if left and len(rewards) >= 2 * CYCLE and np.array_equal(cycle, rewards[-2 * CYCLE : -CYCLE]):
        future = np.resize(cycle, left)
        total += float(future @ gamma ** (len(rewards) + np.arange(left, dtype=np.float64)))
    return total


def _returns(case: Case, rewards: Float) -> list[PlayedReturn]:
    episodes, gamma = case.episodes, case.ground.gamma
    ends = np.cumsum([len(episode.rows) for episode in episodes])[:-1]
    return [
        PlayedReturn(
            episode=episode,
            designed=discounted(part, episode.left, gamma),
            undiscounted=discounted(part, episode.left, 1.0),
            true=discounted(episode.true_rewards, episode.left, gamma),
        )
        for episode, part in zip(episodes, np.split(rewards, ends), strict=True)
    ]


def _worst(
    played: Sequence[PlayedReturn], models: Sequence[PlayedReturn]
) -> Iterator[tuple[str, PlayedReturn, PlayedReturn]]:
    """Yield each kind of cheat with its best episode and the model that it is compared with."""
    by_level = {model.episode.level: model for model in models}
    typical = sorted(models, key=lambda model: model.designed)[len(models) // 2]
    best: dict[str, tuple[float, PlayedReturn, PlayedReturn]] = {}
    for each in played:
        model = by_level.get(each.episode.level, typical)
        honest = each.episode.policy == "solution" or each.episode.success
        if honest or each.true >= model.true - 1e-9:
            continue
        gain = each.designed - model.designed
        for kind in _kinds(each.episode):
            if kind not in best or gain > best[kind][0]:
                best[kind] = gain, each, model
    for kind, (_, cheat, model) in best.items():
        yield kind, cheat, model


def _kinds(episode: PlayedEpisode) -> list[str]:
    kind = "acting at random" if episode.policy == "random" else str(episode.policy)
    return [kind, "dying early"] if episode.terminated and not episode.success else [kind]
