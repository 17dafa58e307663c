"""Whether it pays to evaluate the network once per distinct observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from operant.agents.base import Json
from operant.agents.native.config import PPOConfig
from operant.agents.native.heads import Head
from operant.agents.native.hooks import Hooks

OFF_ABOVE = 0.6
"""Share of distinct inputs in a minibatch above which evaluating each of them once costs more."""
ON_BELOW = 0.5
"""Share below which it pays again; lower, so that a share near the limit does not switch."""
_STATEFUL = (
    nn.RNNBase,
    nn.RNNCellBase,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.dropout._DropoutNd,
    nn.RReLU,
)


class Deduplication:
    """Decides whether a learner works on distinct inputs.

    ``"auto"`` starts with it where it is possible. It stops above :data:`OFF_ABOVE` distinct inputs
    per transition of a minibatch, and starts again below :data:`ON_BELOW`.

    Attributes:
        on: True if the next rollout and its update shall work on distinct inputs.
        reason: Why it is impossible, or None.
    """

    def __init__(
        self, mode: Literal["auto"] | bool, network: nn.Module, *, obstacle: str = ""
    ) -> None:
        """Look at the network.

        Args:
            mode: ``"auto"``, or True or False for always or never.
            network: What would be evaluated once per distinct input.
            obstacle: Why it is impossible whatever the network is, or "".

        Raises:
            ValueError: If ``mode`` is True and it is impossible, or no such mode exists.
        """
        if mode != "auto" and not isinstance(mode, bool):
            raise ValueError(f"deduplicate must be 'auto', True or False, got {mode!r}")
        self.reason = obstacle or _stateful(network)
        if mode is True and self.reason is not None:
            raise ValueError(f"deduplicate must be 'auto' or False here: {self.reason}")
        self._auto = mode == "auto" and self.reason is None
        self.on = self._auto or mode is True

    @property
    def watches(self) -> bool:
        """True if :meth:`observe` shall be told shares."""
        return self._auto

    def observe(self, distinct: int, total: int) -> None:
        """Learn how many of the inputs of minibatches were distinct.

        While it is off, one minibatch per rollout is enough: pack it and count.

        Args:
            distinct: Sum over minibatches of their distinct inputs.
            total: Sum of their transitions, >= 1.
        """
        if self._auto:
            share = distinct / total
            self.on = share <= OFF_ABOVE if self.on else share < ON_BELOW

    def state(self) -> Json:
        """Return the decision, for :meth:`load_state`."""
        return {"on": self.on}

    def load_state(self, state: Json) -> None:
        """Restore what :meth:`state` returned, under the same mode and network."""
        if self._auto:
            self.on = bool(state["on"])


def obstacle(head: Head, config: PPOConfig, hooks: Sequence[Hooks]) -> str:
    """Say what stands against it beside the network, or return "".

    Hooks do where they bias actions or take part in the loss: they are given every transition.
    """
    for hook in hooks:
        for name in ("action_bias", "extra_loss", "reference_policy"):
            if getattr(type(hook), name) is not getattr(Hooks, name):
                return f"{type(hook).__name__}.{name} looks at every transition"
    if head.gaussian:
        return "the actions are not categorical"
    if config.compile:
        return "a compiled network would be compiled again for other numbers of inputs"
    on_cpu = config.device == "cpu" == (config.storage_device or "cpu")
    return "" if on_cpu else "it is done on the CPU only"


def _stateful(network: nn.Module) -> str | None:
    """Say which module is no function of each row of its input alone, or None."""
    for name, module in network.named_modules():
        if isinstance(module, _STATEFUL) and getattr(module, "p", 1.0) > 0:
            return (
                f"{type(module).__name__} ({name or 'the network'}) is no function of a row alone"
            )
    return None
