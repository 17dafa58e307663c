"""Operant's PPO with the constructor, the methods and the callbacks of Stable-Baselines3's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json, check_gamma
from operant.agents.native.arguments import config_from
from operant.agents.native.hooks import Hooks
from operant.agents.native.model import Model
from operant.agents.native.model_file import Target
from operant.agents.native.normalisers import (
    check_normalisers,
    load_normalisers,
    normaliser_state,
    walk,
)
from operant.agents.native.policy_view import PolicyView
from operant.agents.native.ppo import PPOAgent as Agent
from operant.agents.native.saved import NoEnv, SavedModel, check_env, save_model
from operant.agents.native.sources import as_vector_env
from operant.agents.sb3.bridge import Callback, CallbackBridge, as_callback
from operant.agents.sb3.logger import Logger, get_system_info, make_logger, record
from operant.agents.sb3.migrate import read_sb3
from operant.agents.sb3.source import as_vec_env, is_vec_env, vec_normalize
from operant.agents.weights import fill_module
from operant.seeding import SeedTree
from operant.types import Bool

_ARCHITECTURE = ("net_arch", "activation", "ortho_init")


class NumEnvsError(ValueError, AssertionError):
    """An env has another number of rows; an ``AssertionError`` too, which SB3's callers expect."""


class PPO(Model):
    """Proximal policy optimisation on any env, as users of Stable-Baselines3 know it.

    Around :class:`operant.agents.native.ppo.PPO`, which trains it. Hyper-parameters can be read as
    attributes (``model.n_steps``), and are fixed once the model is built.

    Attributes:
        agent: What is trained.
        policy: The policy, with the methods of SB3's.
        verbose: 0 for silence, 1 or more for tables on the standard output.
        tensorboard_log: Folder of the logs, or None.

    Source: Proximal Policy Optimization Algorithms (Schulman et al., 2017).
    """

    def __init__(
        self,
        policy: str,
        env: Any,
        learning_rate: Any = 3e-4,
        n_steps: int = 2048,
        batch_size: int = 64,
        n_epochs: int = 10,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        clip_range: Any = 0.2,
        clip_range_vf: Any = None,
        normalize_advantage: bool = True,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: None = None,
        rollout_buffer_kwargs: None = None,
        target_kl: float | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: Mapping[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: str | torch.device = "auto",
        _init_setup_model: bool = True,
        *,
        hooks: Sequence[Hooks] = (),
        logger: Sequence[str] | None = None,
        **ours: Any,
    ) -> None:
        """Build the networks; the env is reset at the first :meth:`learn`.

        Args:
            policy: ``"MlpPolicy"`` or ``"MultiInputPolicy"``, which are the same here.
            env: What :func:`operant.agents.native.sources.as_vector_env` takes.
            learning_rate: A number, a schedule of ours, or one of SB3's schedule objects.
            n_steps: Env steps per row and rollout.
            batch_size: Transitions per gradient step.
            n_epochs: Passes over each rollout.
            gamma: Discount.
            gae_lambda: Trace decay of the advantage estimate.
            clip_range: As ``learning_rate``.
            clip_range_vf: Largest change of a value per rollout, or None.
            normalize_advantage: True to normalise advantages within each minibatch.
            ent_coef: Weight of the entropy bonus.
            vf_coef: Weight of the value loss.
            max_grad_norm: Gradients are scaled down to this norm.
            use_sde: Must be False.
            sde_sample_freq: Must be -1.
            rollout_buffer_class: Must be None.
            rollout_buffer_kwargs: Must be None.
            target_kl: The update of a rollout stops at 1.5 times this divergence, or None.
            stats_window_size: Episodes over which returns and lengths are averaged, >= 1.
            tensorboard_log: Folder of the logs, or None.
            policy_kwargs: ``net_arch``, ``activation_fn``, ``ortho_init`` and
                ``share_features_extractor``.
            verbose: 0 for silence, 1 or more for tables on the standard output.
            seed: Root of everything random; None to draw one, which is then kept.
            device: ``"auto"`` for a GPU where there is one, or a torch device.
            _init_setup_model: Must be True.
            hooks: What takes part in training.
            logger: Outputs by name, see :data:`operant.agents.sb3.logger.FORMATS`; None for those
                that ``verbose`` and ``tensorboard_log`` imply.
            **ours: Further fields of :class:`operant.agents.native.config.PPOConfig`.

        Raises:
            ValueError: If an argument is out of range or not supported, or the env is unsuitable.
            TypeError: If the env is no env.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        config = config_from(dict(locals()), ours)
        if stats_window_size < 1:
            raise ValueError(f"stats_window_size must be >= 1, got {stats_window_size}")
        self.verbose, self.tensorboard_log = verbose, tensorboard_log
        self._arguments = {"policy": policy, "stats_window_size": stats_window_size}
        self._formats, self._own_logger = logger, False
        self._logger: Logger | None = None
        seed = secrets.randbits(31) if seed is None else int(seed)
        self._vec = env if is_vec_env(env) else None
        self._kept: tuple[Arrays, Json] = {}, {}  # statistics of a model without an env
        vector = as_vector_env(env)
        _check_designs(vector, config.gamma)
        self.agent = Agent(vector, config=config, seed=seed, hooks=hooks)
        self.agent.collector.episodes.set_window(stats_window_size)
        self.action_space.seed(seed)  # some envs draw from it
        self.policy = PolicyView(
            self.agent.policy,
            config,
            self.observation_space,
            self.action_space,
            self.agent.optimizer,
        )

    # ---- env --------------------------------------------------------------------------------

    def get_env(self) -> Any:
        """Return the env as an SB3 ``VecEnv``: the given one or a view; None without an env."""
        if self._vec is None and not isinstance(self.agent.env, NoEnv):
            self._vec = as_vec_env(self.agent.env)
        return self._vec

    @property
    def env(self) -> Any:
        """See :meth:`get_env`."""
        return self.get_env()

    def get_vec_normalize_env(self) -> Any:
        """Return SB3's ``VecNormalize`` around the env, or None."""
        return vec_normalize(self.get_env())

    def set_env(self, env: Any, force_reset: bool = True) -> None:
        """Learn on another env from now on, with the statistics of the model's normalisers.

        Args:
            env: What the constructor takes, with as many rows.
            force_reset: False if it stands where the present env stands, e.g. is the same.

        Raises:
            NumEnvsError: If it has another number of rows.
            ValueError: If its spaces or normalisers are others.
        """
        vector = as_vector_env(env)
        if vector.num_envs != self.n_envs:
            raise NumEnvsError(
                f"env must have {self.n_envs} rows as the model has, got {vector.num_envs}; "
                "PPO.load(path, env) takes any number"
            )
        arrays, settings = self._normalisers()
        check_normalisers(vector, settings)
        check_env(vector, self.observation_space, self.action_space)
        _check_designs(vector, self.gamma)
        load_normalisers(vector, arrays)
        collector = self.agent.collector
        collector.replace(vector, renew=force_reset)
        if force_reset:
            tree = SeedTree(self.seed).child("env")
            collector.restart(tree.seed(f"set at {self.num_timesteps}"))
        self.agent.env, self._vec = vector, env if is_vec_env(env) else None

    def _normalisers(self) -> tuple[Arrays, Json]:
        """Return statistics and settings of the normalisers, of the env or kept for one."""
        env = self.agent.env
        return self._kept if isinstance(env, NoEnv) else normaliser_state(env)

    # ---- learning ---------------------------------------------------------------------------

    def learn(
        self,
        total_timesteps: int,
        callback: Callback = None,
        log_interval: int | None = 1,
        tb_log_name: str = "PPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Train for at least so many env transitions; only whole rollouts are trained on.

        Args:
            total_timesteps: Transitions to add, summed over all rows.
            callback: SB3 callbacks: one, a list, or a function; False stops at once.
            log_interval: Rollouts between two rows of the log, or None for none.
            tb_log_name: Name of the run in ``tensorboard_log``.
            reset_num_timesteps: True to count from 0 and start new episodes; False to go on, with
                schedules that run over the transitions so far and the new ones.
            progress_bar: True to show one.
        """
        called = as_callback(callback, progress_bar=progress_bar)
        if reset_num_timesteps:
            self.agent.restart()
        total = total_timesteps + self.num_timesteps
        self._prepare_logger(tb_log_name, new_run=reset_num_timesteps)
        watcher = None if called is None else CallbackBridge(called, self, self.agent)
        if watcher is not None:
            watcher.begin(total)
        self.agent.learn(total, _Boundary(self, total, log_interval, watcher), watcher)
        if watcher is not None:
            watcher.end()
        return self

    def _prepare_logger(self, run: str, *, new_run: bool) -> None:
        if self._own_logger or (self._logger is not None and self._formats and not new_run):
            return  # outputs that are files go on
        if self._logger is not None:
            self._logger.close()
        self._logger = make_logger(
            self._formats,
            verbose=self.verbose,
            folder=self.tensorboard_log,
            run=run,
            new_run=new_run,
        )

    @property
    def logger(self) -> Logger:
        """Where scalars are recorded.

        Raises:
            RuntimeError: Before the first :meth:`learn` or :meth:`set_logger`.
        """
        if self._logger is None:
            raise RuntimeError("there is no logger before learn() or set_logger()")
        return self._logger

    def set_logger(self, logger: Logger) -> None:
        """Use this logger of SB3 from now on, instead of ``verbose`` and ``tensorboard_log``."""
        self._logger, self._own_logger = logger, True

    def dump_logs(self, iteration: int = 0) -> None:  # noqa: ARG002  # SB3's
        """Write the last scalars to the logger."""
        record(self.logger, self.agent.metrics())
        self.logger.dump(step=self.num_timesteps)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Draw actions, minibatches and the next episodes from streams of this seed."""
        if seed is None:
            return
        tree = SeedTree(seed)
        self.action_space.seed(seed)
        self.agent.policy.generator.manual_seed(tree.seed("actions"))
        self.agent.collector.restart(tree.seed("env"))

    # ---- acting -----------------------------------------------------------------------------

    def predict(
        self,
        observation: Any,
        state: Array | None = None,
        episode_start: Bool | None = None,
        deterministic: bool = False,
        action_masks: Array | None = None,
    ) -> tuple[Array, Array | None]:
        """Choose an action for one observation or for each of B; see :meth:`PolicyView.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks)

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: Target, exclude: None = None, include: None = None) -> None:
        """Write everything to one file, a zip of JSON and safetensors.

        Networks, optimizer, random streams, counters, statistics of normalisers, and running
        episodes where the env can save its state; then training goes on bit for bit. Hooks save
        their state but not themselves.

        Args:
            path: Where to; ``.zip`` is added to a name without a suffix. Or an open binary file.
            exclude: Must be None.
            include: Must be None.

        Raises:
            ValueError: If something is to be excluded or included.
        """
        if exclude is not None or include is not None:
            raise ValueError("exclude and include are not supported: a model is saved whole")
        arguments = {
            **self._arguments,
            "verbose": self.verbose,
            "tensorboard_log": None if self.tensorboard_log is None else str(self.tensorboard_log),
            "logger": None if self._formats is None else list(self._formats),
        }
        save_model(path, self.agent, arguments, self._normalisers())

    @classmethod
    def load(
        cls,
        path: Target,
        env: Any = None,
        device: str | torch.device = "auto",
        custom_objects: None = None,
        print_system_info: bool = False,
        force_reset: bool | None = None,
        **overrides: Any,
    ) -> Self:
        """Read a model.

        Args:
            path: What :meth:`save` wrote.
            env: What to learn on, with the normalisers of training, whose statistics are restored;
                None to act only, until :meth:`set_env`.
            device: Where to compute.
            custom_objects: Must be None: nothing is unpickled that could need replacing.
            print_system_info: True to print the versions of the libraries.
            force_reset: True to start new episodes; False if the env stands where the model left
                it; None to restore the env too where it can be, and start new episodes elsewhere.
            **overrides: Arguments of the constructor, which replace those of the model.

        Raises:
            FileNotFoundError: If there is no such file.
            ModelFileError: If it is no model of ours, is damaged, or is of another version.
            ValueError: If env or overrides do not fit the model; it names what does not.
        """
        if custom_objects is not None:
            raise ValueError(
                "custom_objects is not supported, as nothing is unpickled; pass arguments that "
                "shall be others as keywords: PPO.load(path, learning_rate=...)"
            )
        if print_system_info:
            get_system_info()
        saved = SavedModel(path)
        arguments = {**saved.arguments, "device": device, **overrides}
        if "policy_kwargs" in overrides:
            arguments = {k: v for k, v in arguments.items() if k not in _ARCHITECTURE}
        model = cls(env=saved.no_env() if env is None else env, **arguments)
        if env is None:
            model._kept = saved.normalisers
        else:
            check_normalisers(model.agent.env, saved.normalisers[1])
            check_env(model.agent.env, *saved.spaces.values())
            load_normalisers(model.agent.env, saved.normalisers[0])
        saved.restore(model.agent, force_reset=force_reset)
        return model

    @classmethod
    def from_sb3(cls, source: Any, env: Any, **overrides: Any) -> Self:
        """Take over a PPO that SB3 trained: hyper-parameters, weights and Adam's moments.

        Args:
            source: A file that SB3 saved, or a model of SB3. Of a file, nothing pickled is read:
                pass schedules and an activation function other than tanh as keywords.
            env: What to learn on.
            **overrides: Arguments of the constructor.

        Raises:
            ValueError: If it is no PPO of SB3 with an MLP policy, or does not fit the env.
        """
        arguments, weights, moments = read_sb3(source)
        given = overrides.pop("policy_kwargs", {})
        arguments["policy_kwargs"] = {**arguments["policy_kwargs"], **given}
        model = cls("MlpPolicy", env, **{**arguments, **overrides})
        fill_module(model.agent.policy.model, {k: v.cpu().numpy() for k, v in weights.items()})
        groups = model.agent.optimizer.state_dict()["param_groups"]
        model.agent.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        return model


def _check_designs(env: AnyVectorEnv, gamma: float) -> None:
    """Check the discount of reward designs, those inside an SB3 ``VecEnv`` too."""
    for _, layer in walk(env):
        check_gamma(layer, gamma)


class _Boundary:
    """What happens between two rollouts: the log is written, and callbacks hear of the next."""

    def __init__(
        self, model: PPO, total: int, interval: int | None, watcher: CallbackBridge | None
    ) -> None:
        self._model, self._total, self._interval, self._watcher = model, total, interval, watcher
        self._rollouts = -1  # the first boundary is before the first rollout

    def __call__(self, agent: Any) -> bool:
        self._rollouts += 1
        if self._interval and self._rollouts > 0 and self._rollouts % self._interval == 0:
            self._model.dump_logs()
        if self._watcher is not None and agent.num_steps < self._total:
            self._watcher.callback.on_rollout_start()
        return True
