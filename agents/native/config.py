"""Hyper-parameters of the native PPO: JSON values only, with SB3's names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from operant.agents.base import AgentConfig, check_range

Schedule: TypeAlias = float | Mapping[str, Any]
"""A number, or ``{"kind": "linear" | "cosine", "from": a, "to": b}`` over the whole training."""

REWARD = "reward"
"""Name of the stream that carries the env's reward."""
SCHEDULES = ("linear", "cosine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """One reward stream: its own discount, value head and advantage.

    Attributes:
        gamma: Discount, in [0, 1].
        episodic: False to let returns run on into the next episode, as for exploration bonuses.
        coef: Weight of its advantage in the sum that the policy follows.
        normalize: True to normalise its advantages within each minibatch before weighting.
    """

    gamma: float
    episodic: bool = True
    coef: float = 1.0
    normalize: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        check_range("gamma of a reward stream", self.gamma, 0.0, 1.0)
        check_range("coef of a reward stream", self.coef, -math.inf)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOConfig(AgentConfig):
    """Hyper-parameters of PPO. A rollout is ``n_steps`` times the number of envs transitions.

    Attributes:
        learning_rate: Step size of Adam, > 0 at the start; a number or a schedule.
        n_steps: Env steps per row and rollout, >= 1.
        batch_size: Transitions per gradient step, >= 2; a larger one than the rollout is all of it.
            With ``recurrent``, rounded to whole sequences of ``bptt_horizon`` steps, at least one.
        n_epochs: Passes over each rollout, >= 1.
        gae_lambda: Trace decay of the advantage estimate, in [0, 1].
        clip_range: The ratio of probabilities is clipped to ``1 +- clip_range``, > 0 at the start;
            a number or a schedule.
        clip_range_vf: Largest change of a value per rollout, > 0, or None for any.
        normalize_advantage: True to normalise advantages within each minibatch; without
            ``reward_streams`` only, which say it for each stream.
        ent_coef: Weight of the entropy bonus, >= 0.
        vf_coef: Weight of the value loss (the sum over streams), >= 0.
        max_grad_norm: Gradients are scaled down to this global norm, > 0.
        target_kl: The update of a rollout stops at 1.5 times this divergence, > 0, or None.
        net_arch: Units per hidden layer, or ``{"pi": [...], "vf": [...]}``.
        activation: ``"tanh"`` or ``"relu"``.
        share_features: True for one trunk under policy and values; ``net_arch`` is then one list.
        log_std_init: Log deviation of a Gaussian policy before training. Where effort costs more
            than staying alive pays, wide noise (0) teaches to end an episode early.
        ortho_init: True for orthogonal initial weights, False for uniform ones.
        encoder: ``"flat"`` feeds entries of small-integer Boxes as numbers, ``"onehot"`` as one-hot
            vectors; see :class:`operant.agents.native.encoder.Encoder`.
        normalize_obs: True to shift and scale entries of Boxes by running moments. They are learned
            after each rollout and saved with the policy; SB3 leaves this to ``VecNormalize``.
        threads: Torch threads while the agent computes, >= 1.
        device: Torch device of the networks. Exact resume is promised on the CPU only.
        storage_device: Torch device of the rollout, e.g. ``"cpu"`` where it is too large for the
            GPU; minibatches then travel. None for ``device``.
        compile: True to compile the network's passes with ``torch.compile``, on a GPU with CUDA
            graphs. Compiling takes up to a minute, which small networks on a CPU do not win back.
        deduplicate: True to evaluate the network once per different observation, which is exact and
            several times faster where observations repeat, as in grid worlds; needs categorical
            actions, no memory, no hooks that bias actions or add to the loss, and the CPU. With
            masks, observation and mask count together. ``"auto"``: where it is possible and pays,
            which the share of different observations tells.
        recurrent: ``"lstm"`` or ``"gru"`` to put a memory between the encoder and the networks of
            policy and values, which share it; None for none. It is kept across rollouts, and
            cleared where an episode starts. Hooks are given observations without what is
            remembered.
        recurrent_units: Units per layer of the memory, >= 1.
        recurrent_layers: Layers of the memory, >= 1.
        bptt_horizon: Steps that gradients run back through the memory, a divisor of ``n_steps``;
            None for the whole rollout. Each sequence starts from what was remembered there when it
            was collected.
        reward_streams: Name -> fields of :class:`Stream`; ``gamma`` defaults to the agent's. The
            stream ``"reward"`` is the env's reward; any other name is looked up in the env's
            ``infos["reward_terms"]``, unless a hook provides it. Empty: the env's reward alone.

    Source: Proximal Policy Optimization Algorithms (Schulman et al., 2017), eqs. 7 and 9.
    """

    learning_rate: Schedule = 3e-4
    n_steps: int = 128
    batch_size: int = 2048
    n_epochs: int = 10
    gae_lambda: float = 0.95
    clip_range: Schedule = 0.2
    clip_range_vf: float | None = None
    normalize_advantage: bool = True
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float | None = None
    net_arch: tuple[int, ...] | Mapping[str, list[int]] = (64, 64)
    activation: Literal["tanh", "relu"] = "tanh"
    share_features: bool = False
    log_std_init: float = 0.0
    ortho_init: bool = True
    encoder: Literal["onehot", "flat"] = "flat"
    normalize_obs: bool = False
    threads: int = 1
    device: str = "cpu"
    storage_device: str | None = None
    compile: bool = False
    deduplicate: Literal["auto"] | bool = "auto"
    recurrent: Literal["lstm", "gru"] | None = None
    recurrent_units: int = 256
    recurrent_layers: int = 1
    bptt_horizon: int | None = None
    reward_streams: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        _check_schedule("learning_rate", self.learning_rate)
        _check_schedule("clip_range", self.clip_range)
        for name in ("n_steps", "n_epochs", "threads", "recurrent_units", "recurrent_layers"):
            _check_count(name, getattr(self, name), 1)
        _check_count("batch_size", self.batch_size, 2)
        check_range("gae_lambda", self.gae_lambda, 0.0, 1.0)
        check_range("ent_coef", self.ent_coef, 0.0)
        check_range("vf_coef", self.vf_coef, 0.0)
        check_range("log_std_init", self.log_std_init, -20.0, 2.0)
        for name in ("clip_range_vf", "max_grad_norm", "target_kl"):
            value = getattr(self, name)
            if not (value is None and name != "max_grad_norm"):
                _check_positive(name, value)
        _check_choice("activation", self.activation, ("tanh", "relu"))
        for name in ("compile", "normalize_obs"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.deduplicate != "auto" and not isinstance(self.deduplicate, bool):
            raise ValueError(f"deduplicate must be 'auto', True or False, got {self.deduplicate!r}")
        _check_choice("encoder", self.encoder, ("onehot", "flat"))
        if self.recurrent is not None:
            _check_choice("recurrent", self.recurrent, ("lstm", "gru"))
        if self.bptt_horizon is not None:
            _check_count("bptt_horizon", self.bptt_horizon, 1)
            if self.n_steps % self.bptt_horizon:
                raise ValueError(
                    f"bptt_horizon must divide n_steps={self.n_steps}, got {self.bptt_horizon}"
                )
        for units in (*self.units("pi"), *self.units("vf")):
            _check_count("net_arch entry", units, 1)
        self.streams()

    @property
    def horizon(self) -> int:
        """Steps per sequence of a memory."""
        return self.n_steps if self.bptt_horizon is None else self.bptt_horizon

    def units(self, part: Literal["pi", "vf"]) -> tuple[int, ...]:
        """Return the units per hidden layer of the policy's or the values' network.

        Raises:
            ValueError: If ``net_arch`` names other parts, or the trunk is shared and it names any.
        """
        if not isinstance(self.net_arch, Mapping):
            return tuple(self.net_arch)
        if set(self.net_arch) != {"pi", "vf"}:
            raise ValueError(
                f"net_arch must be a list or have the keys 'pi' and 'vf', got {self.net_arch!r}"
            )
        if self.share_features:
            raise ValueError(
                f"net_arch must be one list with share_features=True, got {self.net_arch!r}"
            )
        return tuple(self.net_arch[part])

    def streams(self) -> dict[str, Stream]:
        """Return the reward streams by name, in the order of the value heads.

        Raises:
            ValueError: If a field does not exist or its value is out of range.
        """
        if not self.reward_streams:
            return {REWARD: Stream(gamma=self.gamma, normalize=self.normalize_advantage)}
        known = [field.name for field in dataclasses.fields(Stream)]
        for name, fields in self.reward_streams.items():
            if not set(fields) <= set(known):
                raise ValueError(f"reward_streams[{name!r}] must have fields of {known}: {fields}")
        return {
            name: Stream(**{"gamma": self.gamma, **fields})
            for name, fields in self.reward_streams.items()
        }


def scheduled(value: Schedule, progress: float) -> float:
    """Return a hyper-parameter's value now.

    Args:
        value: A number or a schedule.
        progress: Share of the training that is done, in [0, 1].

    >>> scheduled({"kind": "linear", "from": 1.0, "to": 0.0}, 0.25)
    0.75
    """
    if not isinstance(value, Mapping):
        return value
    start, end = float(value["from"]), float(value["to"])
    done = progress if value["kind"] == "linear" else (1 - math.cos(math.pi * progress)) / 2
    return start + (end - start) * done


def _check_schedule(name: str, value: Schedule) -> None:
    if not isinstance(value, Mapping):
        _check_positive(name, value)
        return
    if set(value) != {"kind", "from", "to"}:
        raise ValueError(
            f"{name} must be a number or {{'kind': ..., 'from': ..., 'to': ...}}, got {value!r}"
        )
    _check_choice(f"kind of {name}", value["kind"], SCHEDULES)
    _check_positive(f"{name}['from']", value["from"])
    check_range(f"{name}['to']", value["to"], 0.0)


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be > 0 and finite, got {value!r}")


def _check_count(name: str, value: int, low: int) -> None:
    if not isinstance(value, int) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
