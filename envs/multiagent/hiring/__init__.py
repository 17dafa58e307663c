"""A principal who pays experts for information: exact optima, experts, and the game itself.

>>> from operant.envs.multiagent.hiring import accuracy_instance, optimal_mechanism
>>> round(optimal_mechanism(accuracy_instance(cost=0.02)).value, 5)
0.74667
"""

from operant.envs.multiagent.hiring.instance import (
    HiringInstance,
    accuracy_instance,
    random_instance,
)
from operant.envs.multiagent.hiring.mechanism import Mechanism
from operant.envs.multiagent.hiring.optimum import optimal_mechanism

__all__ = [
    "HiringInstance",
    "Mechanism",
    "accuracy_instance",
    "optimal_mechanism",
    "random_instance",
]
