"""Equal seeds give equal games, whatever the clock and the time zone say.

NetHack looks at the calendar: the moon, Friday the 13th, the hour of night. What is left once NLE
holds these is ``ubirthday``, the second at which a game began, from which shops take their keepers'
names; ``NetHackGame`` sets it.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nle")

import operant.envs

pytestmark = pytest.mark.integration

IDS = [row.id for row in operant.envs.registry() if row.extra == "nethack"]

SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* Real time, moved by CLOCK_SHIFT_S seconds; clocks that only measure durations run on. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*original)(clockid_t, struct timespec *);
    const char *shift = getenv("CLOCK_SHIFT_S");
    int code;
    if (!original)
        original = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    code = original(clock, now);
    if (!code && clock == CLOCK_REALTIME && shift)
        now->tv_sec += atol(shift);
    return code;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;
    (void) zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
"""

PLAY = """
import ctypes, hashlib, json, sys, time
import gymnasium as gym
import numpy as np
import operant

env_id, seed, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
env = gym.make(env_id, **options)
rng, traces = np.random.default_rng(seed), []

def feed(digest, obs, *rest):
    for key in sorted(obs):
        digest.update(obs[key].tobytes())
    digest.update(json.dumps(rest, default=lambda value: value.tolist()).encode())

for episode in range(4):
    digest = hashlib.sha256()
    feed(digest, *env.reset(seed=seed if episode == 0 else None))
    done = False
    while not done:
        obs, *rest = env.step(int(rng.integers(env.action_space.n)))
        feed(digest, obs, *rest)
        done = rest[1] or rest[2]
    traces.append(digest.hexdigest())

game = env.unwrapped.world.games[0]
library = ctypes.CDLL(game.library)
born = ctypes.c_long.in_dll(library, "ubirthday").value
sky = {name: getattr(library, name)() for name in ("phase_of_the_moon", "friday_13th", "night")}
print(json.dumps([time.strftime("%a %d %b %Y %H:%M"), traces, [born, sky]]))
env.close()
"""

# What the child must believe: its zone, the moment in UTC, and how its clock shows it.
DATES = [
    ("UTC", "2023-06-04 12:00", "Sun 04 Jun 2023 12:00"),  # a full moon
    ("Pacific/Auckland", "2026-02-12 12:30", "Fri 13 Feb 2026 01:30"),
    ("America/New_York", "2001-12-25 04:29", "Mon 24 Dec 2001 23:29"),
    ("Asia/Kolkata", "2032-02-29 02:00", "Sun 29 Feb 2032 07:30"),
]


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile what moves the clock of a process."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("moving the clock of a process needs a C compiler and Linux's LD_PRELOAD")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "shift.c").write_text(SHIFT)
    library = folder / "shift.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, folder / "shift.c", "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"the C compiler does not work here: {built.stderr}")
    return library


def play(shift: Path, env_id: str, runs: list[tuple[str, str, int]], **options: Any) -> list[Any]:
    """Play four episodes in a process per (zone, moment in UTC, seed)."""
    children = []
    for zone, moment, seed in runs:
        at = datetime.datetime.fromisoformat(f"{moment}:00+00:00").timestamp()
        moved = {"LD_PRELOAD": str(shift), "CLOCK_SHIFT_S": str(round(at - time.time()))}
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", PLAY, env_id, str(seed), json.dumps(options)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **moved, "TZ": zone},
            )
        )
    told = []
    try:
        for child in children:
            out, err = child.communicate()  # pytest's own timeout knows how busy the machine is
            assert child.returncode == 0, err
            told.append(json.loads(out))
    finally:
        for child in children:
            child.kill()
    return told


def differ(one: list[Any], other: list[Any]) -> bool:
    return all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_a_game_does_not_see_the_clock(shift: Path) -> None:
    runs = [(zone, moment, 5) for zone, moment, _ in DATES]
    runs.append((*DATES[0][:2], 6))
    *same, other = play(shift, IDS[0], runs, max_steps=150, observation="all")
    for (_, _, date), (seen, traces, inner) in zip(DATES, same, strict=True):
        assert seen[:-2] == date[:-2]  # the clock was moved; the minutes run on
        assert traces == same[0][1], f"the game is another one on {date}"
        assert inner == same[0][2], f"the engine saw {date}"
    assert differ(same[0][1], other[1])
    assert len(set(same[0][1])) == 4


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_twins_on_other_dates_in_every_world(shift: Path, env_id: str) -> None:
    runs = [(*DATES[1][:2], 5), (*DATES[2][:2], 5), (*DATES[3][:2], 6)]
    one, twin, other = play(shift, env_id, runs, max_steps=300)
    assert len({one[0], twin[0], other[0]}) == 3
    assert one[1:] == twin[1:]
    assert differ(one[1], other[1])
