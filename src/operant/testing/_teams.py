"""The rule about rows that are members of teams."""

from __future__ import annotations

import numpy as np

from operant.testing._report import require
from operant.testing._rows import VectorSubject, write_script


def rule_teams_end_together(subject: VectorSubject) -> None:
    """Rows of a team (``groups`` of the env, (N,) integers) end their episodes together.

    Who hands out what a team earned relies on it. Envs without ``groups`` have no teams.
    """
    for mode in subject.modes:
        envs = subject.make(subject.num_envs, mode)
        groups = getattr(envs.unwrapped, "groups", None)
        if groups is None:
            envs.close()
            return
        told = np.asarray(groups)
        require(
            told.shape == (subject.num_envs,) and told.dtype.kind in "iu",
            f"groups is {told.dtype} {told.shape}",
            f"give an integer array of shape ({subject.num_envs},)",
        )
        for at, turn in enumerate(write_script(subject, envs.metadata["autoreset_mode"])):
            _, _, terminated, truncated, _ = turn.apply(envs)
            for group in np.unique(told).tolist():
                done = (terminated | truncated)[told == group]
                require(
                    done.all() == done.any(),
                    f"{mode}, call {at}: {done.sum()} of the {len(done)} rows of team {group} end",
                    "end and begin the episodes of a team together, or give it no group",
                )
        envs.close()
