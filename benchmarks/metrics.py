"""By what an env is scored: what its card calls ``metric``, and how reports show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from operant.errors import UnknownIdError
from operant.types import Float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One kind of score, a number per episode.

    Attributes:
        id: What cards call it.
        title: Heading in reports.
        hint: What it means, in a few words.
        higher: True if more is better.
        share: True if it lies in [0, 1] and is shown in percent.
    """

    id: str
    title: str
    hint: str
    higher: bool = True
    share: bool = False

    def utility(self, scores: Float) -> Float:
        """Return scores of any shape such that more is better."""
        return scores if self.higher else -scores


SUCCESS = Metric(
    id="success",
    title="True success",
    hint="share of episodes that satisfy the success predicate",
    share=True,
)
RETURN = Metric(id="return", title="True return", hint="undiscounted sum of the true reward")
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.id: metric
        for metric in (
            SUCCESS,
            RETURN,
            Metric(
                id="regret",
                title="Regret",
                hint="what the best policy would have earned more, in expectation",
                higher=False,
            ),
            Metric(
                id="exploitability",
                title="Exploitability",
                hint="what a best response wins against the policy, per player",
                higher=False,
            ),
            Metric(id="welfare", title="Welfare", hint="sum of all players' true returns"),
        )
    }
)
"""Metrics by id. Episodes of all but the first two say their score themselves, as
``info[id]`` of the last step; what sits on all seats of a game is scored by
``operant.benchmarks.game_judges``."""


def metric(name: str) -> Metric:
    """Return a metric.

    Raises:
        UnknownIdError: If there is none of this name; names the nearest.
    """
    try:
        return METRICS[name]
    except KeyError:
        raise UnknownIdError("metric", name, METRICS) from None
