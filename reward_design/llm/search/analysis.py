"""Why agents failed, read off their last steps: statistics, not a model's opinion."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from operant.reward_design.llm.search.results import Episode, EpisodeStep, RunResult
from operant.reward_design.llm.task.spec import ObsView

MIN_SHARE = 0.5
"""A circumstance must hold just before this share of early ends to be called their cause."""
MIN_LIFT = 0.25
"""... and be this much more frequent there than in all other steps."""
EXCERPT = 5
"""Steps of an episode that are shown."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """A circumstance that goes before early ends.

    Attributes:
        feature: Name of the flag that was up before the last action.
        action: The action that most often followed.
        share: Share of the early ends with it, in (0, 1].
    """

    feature: str
    action: str
    share: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Analysis:
    """What failed episodes have in common.

    Attributes:
        failures: Failed episodes that were looked at.
        early: How many of them ended before the time limit.
        causes: Circumstances of the early ends, the most frequent first.
        unreached: Flags that no failed episode ever raised.
        excerpt: The last steps of a failed episode, a line each.
    """

    failures: int
    early: int
    causes: tuple[Cause, ...]
    unreached: tuple[str, ...]
    excerpt: tuple[str, ...]

    def text(self, view: ObsView) -> str:
        """Return it in sentences, with the meaning of each feature."""
        if not self.failures:
            return "No recorded episode failed."
        meaning = {feature.name: feature.description for feature in view.features}
        said = [
            f"{self.failures} failed episodes were recorded; {self.early} of them ended before the "
            "time limit."
        ]
        said += [
            f"Of these, {cause.share:.0%} ended when {cause.feature} was 1 "
            f"({meaning[cause.feature]}) and the action was {cause.action}."
            for cause in self.causes
        ]
        said += [
            f"No failed episode ever had {name} = 1 ({meaning[name]})." for name in self.unreached
        ]
        if self.excerpt:
            said.append("The last steps of one of them:")
        return "\n".join([*said, *self.excerpt])


def analyse(results: Iterable[RunResult], view: ObsView) -> Analysis:
    """Analyse the failed episodes of some runs.

    Args:
        results: Runs on one candidate.
        view: What the features mean.

    Source: Auto MC-Reward: Automated Dense Reward Design with Large Language Models for Minecraft
    (Li et al., 2024), the trajectory analyzer. Deviation: statistics instead of a language model.
    """
    episodes = [episode for result in results for episode in result.episodes]
    failed = [episode for episode in episodes if not episode.success and episode.steps]
    early = [episode for episode in failed if episode.ended == "terminated"]
    flags = [f.name for f in view.features if f.dtype == "bool"]
    reached = {name for e in failed for step in e.steps for name in flags if _up(step, name)}
    return Analysis(
        failures=len(failed),
        early=len(early),
        causes=_causes(early, [step for e in episodes for step in e.steps], flags),
        unreached=tuple(name for name in flags if failed and name not in reached),
        excerpt=_excerpt((early or failed)[0]) if failed else (),
    )


def _causes(
    early: Sequence[Episode], steps: Sequence[EpisodeStep], flags: Sequence[str]
) -> tuple[Cause, ...]:
    """Return the flags that are far more often up before an early end than elsewhere."""
    known = [episode for episode in early if len(episode.steps) >= 2]
    if not known:
        return ()
    found = []
    for name in flags:
        with_it = [episode for episode in known if _up(episode.steps[-2], name)]
        share = len(with_it) / len(known)
        usual = sum(_up(step, name) for step in steps) / len(steps)
        if share >= MIN_SHARE and share - usual >= MIN_LIFT:
            actions = [episode.steps[-1].action for episode in with_it]
            most = max(sorted(set(actions)), key=actions.count)
            found.append(Cause(feature=name, action=most, share=share))
    return tuple(sorted(found, key=lambda cause: -cause.share))


def _up(step: EpisodeStep, name: str) -> bool:
    return step.features.get(name, 0.0) > 0.0


def _excerpt(episode: Episode) -> tuple[str, ...]:
    last = episode.steps[-EXCERPT:]
    first = episode.length - len(last)
    return tuple(
        f"  step {first + k}: action {step.action}, reward {step.reward:.3g}, "
        + ", ".join(f"{name} {value:g}" for name, value in step.features.items())
        for k, step in enumerate(last)
    )
