from __future__ import annotations

import numpy as np
import pytest

from operant.envs.multiagent.chance import STEP, RowDraws, mixed, thresholds


def test_the_mixer_is_splitmix64() -> None:
    # the first numbers of the reference implementation, seeded 1234567
    states = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * STEP
    words = mixed(states).tolist()
    assert words == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_rows_depend_on_their_seed_alone() -> None:
    many, single = RowDraws(3), RowDraws(1)
    rows = np.arange(3)
    many.seed(rows, [5, 6, 2**70])
    single.seed(np.array([0]), [6])
    first = many.draw(np.array([1]))
    assert first == single.draw(np.array([0]))
    assert many.draw(rows)[1] == single.draw(np.array([0]))[0]
    assert len(set(many.draw(rows).tolist())) == 3


def test_draws_are_uniform_and_neighbouring_seeds_are_not_alike() -> None:
    draws = RowDraws(2000)
    rows = np.arange(2000)
    draws.seed(rows, rows)
    numbers = np.stack([draws.draw(rows) for _ in range(20)]) / 2**32
    counts = np.histogram(numbers, 10, (0, 1))[0]
    assert abs(counts - 4000).max() < 5 * np.sqrt(4000 * 0.9)
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.02


def test_states_bring_numbers_back() -> None:
    draws, rows = RowDraws(2), np.arange(2)
    draws.seed(rows, [1, 2])
    draws.draw(rows)
    state = draws.get_state()
    expected = draws.draw(rows)
    draws.set_state(state)
    assert (draws.draw(rows) == expected).all()


@pytest.mark.parametrize("seeds", [[1], [-1, 0], [0.5, 1]])
def test_bad_seeds_are_refused(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="seed"):
        RowDraws(2).seed(np.arange(2), seeds)


def test_the_last_threshold_is_never_passed() -> None:
    assert thresholds([0.1] * 10)[-1] == 2**32
    assert (np.diff(thresholds([0.3, 0.0, 0.7])) >= 0).all()
