"""SB3's schedule objects as specs of ours, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule

from operant.agents.native.config import Schedule, scheduled


def to_spec(name: str, value: Any) -> Any:
    """Return a schedule as a number or a spec; what is neither schedule nor function passes.

    Raises:
        ValueError: If it is a function, or a linear schedule that ends early.
    """
    if isinstance(value, FloatSchedule):
        return to_spec(name, value.value_schedule)
    if isinstance(value, ConstantSchedule):
        return float(value.val)
    if isinstance(value, LinearSchedule):
        if value.end_fraction != 1:
            raise ValueError(
                f"{name} must run over the whole training, got end_fraction={value.end_fraction}; "
                "use LinearSchedule(start, end, 1.0)"
            )
        return {"kind": "linear", "from": float(value.start), "to": float(value.end)}
    if callable(value):
        raise ValueError(
            f"{name} must be a number, {{'kind': 'linear' or 'cosine', 'from': a, 'to': b}} or a "
            "LinearSchedule of stable_baselines3, not a function: a function cannot be saved "
            "without pickle"
        )
    return value


def to_function(spec: Schedule) -> FloatSchedule:
    """Return a spec as SB3 has schedules: a function of the share of training that remains."""
    if not isinstance(spec, Mapping):
        return FloatSchedule(spec)
    if spec["kind"] == "linear":
        return FloatSchedule(LinearSchedule(spec["from"], spec["to"], 1.0))
    return FloatSchedule(lambda remaining: scheduled(spec, 1 - remaining))
