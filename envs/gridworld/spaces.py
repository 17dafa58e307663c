"""The spaces all gridworlds share."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from operant.envs.gridworld.cells import ACTIONS, TRIPLES
from operant.envs.gridworld.world import VIEW


def observation_space() -> spaces.Dict:
    """Return Dict(image (7, 7, 3) uint8, direction Discrete(4)).

    The image's upper bounds are those of the (object, colour, state) codes, not MiniGrid's 255:
    with 255 learners take the 7x7 symbols for pixels and scale or convolve them. MiniGrid's
    constant mission text is left out.
    """
    high = np.broadcast_to(TRIPLES.max(axis=0), (VIEW, VIEW, 3))
    image = spaces.Box(np.zeros_like(high), high, dtype=np.uint8)
    return spaces.Dict({"image": image, "direction": spaces.Discrete(4)})


def action_space() -> spaces.Discrete:
    """Return Discrete(7): left, right, forward, pickup, drop, toggle, done."""
    return spaces.Discrete(len(ACTIONS))
