from __future__ import annotations

import numpy as np
import pytest

from operant.reward_design.intrinsic.visits import VisitTable, hash_rows


def keys(*values):
    return np.array(values, np.uint64)


def slots(*values):
    return np.array(values, np.int64)


def test_a_key_is_new_once_per_slot():
    table = VisitTable(2)
    assert table.add(slots(0, 0, 1, 0), keys(7, 7, 7, 8)).tolist() == [True, False, True, True]
    assert table.add(slots(0, 1, 1), keys(8, 8, 7)).tolist() == [False, True, False]


def test_key_zero_is_a_key():
    table = VisitTable(1)
    assert table.add(slots(0, 0), keys(0, 0)).tolist() == [True, False]


def test_clearing_forgets_only_the_slots_of_the_mask():
    table = VisitTable(2)
    table.add(slots(0, 1), keys(5, 5))
    table.clear(np.array([True, False]))
    assert table.add(slots(0, 1), keys(5, 5)).tolist() == [True, False]


@pytest.mark.parametrize("capacity", [2, 64])
def test_against_python_sets_with_growth_and_colliding_places(capacity):
    rng = np.random.default_rng(0)
    table, reference = VisitTable(3, capacity=capacity), [set(), set(), set()]
    for _ in range(200):
        size = rng.integers(0, 9)
        where = rng.integers(0, 3, size)
        # Multiples of 64 all start at the same place of a small table.
        what = (64 * rng.integers(0, 300, size)).astype(np.uint64)
        expected = []
        for slot, key in zip(where, what, strict=True):
            expected.append(int(key) not in reference[slot])
            reference[slot].add(int(key))
        assert table.add(where, what).tolist() == expected
        if rng.random() < 0.1:
            slot = rng.integers(0, 3)
            table.clear(np.arange(3) == slot)
            reference[slot].clear()
    found, remembered = table.entries()
    pairs = sorted((slot, key) for slot in range(3) for key in reference[slot])
    assert list(zip(found.tolist(), remembered.tolist(), strict=True)) == pairs


def test_memory_follows_the_longest_episode_not_the_number_of_episodes():
    table = VisitTable(1, capacity=8)
    for episode in range(50):
        table.add(slots(0, 0, 0), keys(episode, episode + 1000, episode + 2000))
        table.clear(np.array([True]))
    assert table.capacity == 8
    table.add(np.zeros(100, np.int64), np.arange(100, dtype=np.uint64))
    assert table.capacity == 256


@pytest.mark.parametrize("capacity", [0, 1, 48])
def test_capacity_is_a_power_of_two(capacity):
    with pytest.raises(ValueError, match=f"power of two >= 2, got {capacity}"):
        VisitTable(1, capacity=capacity)


def test_hash_reads_every_byte_of_every_column():
    image, direction = np.zeros((1, 7, 7, 3), np.uint8), np.zeros(1, np.int64)
    seen = {int(hash_rows([image, direction])[0])}
    for place in np.ndindex(7, 7, 3):
        changed = image.copy()
        changed[(0, *place)] = 1
        seen.add(int(hash_rows([changed, direction])[0]))
    for way in (1, 256, -1):
        seen.add(int(hash_rows([image, np.array([way])])[0]))
    assert len(seen) == 1 + 147 + 3


def test_hash_of_a_row_does_not_depend_on_its_batch_or_memory_order():
    rows = np.random.default_rng(1).integers(0, 9, (50, 5, 3)).astype(np.uint8)
    together = hash_rows([rows])
    assert together.tolist() == [int(hash_rows([rows[i : i + 1]])[0]) for i in range(50)]
    assert together.tolist() == hash_rows([np.asfortranarray(rows)]).tolist()


def test_distinct_rows_get_distinct_well_spread_hashes():
    count = 1 << 16
    rows = np.zeros((count, 4), np.float32)
    rows[:, 2] = np.arange(count)
    hashed = hash_rows([rows])
    assert len(np.unique(hashed)) == count
    load = np.bincount((hashed & np.uint64(255)).astype(np.int64), minlength=256)
    expected = count / 256
    chi2 = ((load - expected) ** 2 / expected).sum()
    assert chi2 < 370  # 255 degrees of freedom: beyond 370 with probability 3e-6


def test_an_empty_batch_has_no_hashes():
    assert hash_rows([np.zeros((0, 7, 7, 3), np.uint8), np.zeros(0, np.int64)]).shape == (0,)


def test_text_is_refused():
    with pytest.raises(ValueError, match="cannot hash an array of dtype <U"):
        hash_rows([np.array(["go to the door"])])
