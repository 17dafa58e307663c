"""The registered skills: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from operant.registry import EnvRow


def _row(env_id: str, module: str, summary: str) -> EnvRow:
    home = f"operant.envs.mujoco.skills.{module}"
    return EnvRow(
        id=env_id,
        entry_point=f"{home}:make",
        vector_entry_point=f"{home}:make_vector",
        summary=summary,
        tags=("mujoco", "skill", "sparse"),
        extra="mujoco",
        tier=1,
        checks_itself=True,
    )


ROWS = [
    _row("HopperForward-v0", "hopper_forward", "hop forwards for an episode, without a fall"),
    _row("HopperFrontFlip-v0", "hopper_front_flip", "turn over forwards once, and stand again"),
    _row("HopperBackFlip-v0", "hopper_back_flip", "turn over backwards once, and stand again"),
    _row("AntForward-v0", "ant_forward", "walk forwards for an episode, without a fall"),
    _row("AntWaveLeg-v0", "ant_wave_leg", "wave with a leg, standing on the other three"),
    _row("AntLieDown-v0", "ant_lie_down", "lie down on the back, and lie still"),
]
