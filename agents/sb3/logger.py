"""Where training scalars go: SB3's logger, with outputs by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter, Logger, configure, make_output_format
from stable_baselines3.common.utils import (
    configure_logger,
    get_latest_run_id,
    get_system_info,
)

__all__ = ["FORMATS", "Logger", "WandbFormat", "get_system_info", "make_logger", "record"]

FORMATS = ("stdout", "log", "csv", "json", "tensorboard", "wandb")
"""Names of outputs."""
_INTEGERS = ("fps", "iterations", "time_elapsed", "total_timesteps", "n_updates")
_NOT_IN_TENSORBOARD = ("time/iterations", "time/time_elapsed", "time/total_timesteps")


class WandbFormat(KVWriter):
    """Sends scalars to the Weights & Biases run of this process, or to a new one."""

    def __init__(self, name: str) -> None:
        """Join or start a run.

        Raises:
            ImportError: If wandb is not installed.
        """
        try:
            self._wandb: Any = importlib.import_module("wandb")
        except ImportError as error:
            raise ImportError(
                "logger 'wandb' needs the package wandb, which is not installed; run: "
                "pip install wandb"
            ) from error
        self._owned = self._wandb.run is None
        if self._owned:
            self._wandb.init(name=name)

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """Send the numbers of one dump."""
        numbers = {
            key: value
            for key, value in key_values.items()
            if isinstance(value, int | float) and "wandb" not in (key_excluded[key] or ())
        }
        self._wandb.log(numbers, step=step)

    def close(self) -> None:
        """End the run, if this object started it."""
        if self._owned:
            self._wandb.finish()


def make_logger(
    formats: Sequence[str] | None,
    *,
    verbose: int,
    folder: str | None,
    run: str,
    new_run: bool,
) -> Logger:
    """Return a logger.

    Args:
        formats: Names of :data:`FORMATS`; None for SB3's rule: standard output if ``verbose``, and
            TensorBoard if there is a folder.
        verbose: 0 for silence, 1 or more for tables on the standard output.
        folder: Folder of all runs, needed by every output that is a file.
        run: Name of the run; a number is appended.
        new_run: False to go on in TensorBoard with the last run of that name, by SB3's rule.

    Raises:
        ValueError: If there is no such output, or it needs a folder.
        ImportError: If an output's package is not installed; it says how to install it.
    """
    if formats is None:
        return configure_logger(verbose, folder, run, new_run)
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"logger must name outputs of {FORMATS}, got {name!r}")
    if folder is None:
        for name in formats:
            if name not in ("stdout", "wandb"):
                raise ValueError(f"tensorboard_log must name a folder for the logger {name!r}")
        path = None
    else:
        # Always a new folder: SB3's CSV and JSON outputs overwrite what is there.
        path = str(Path(folder) / f"{run}_{get_latest_run_id(folder, run) + 1}")
    if path is None:
        outputs = [make_output_format(name, "") for name in formats if name != "wandb"]
        logger = Logger(folder=None, output_formats=outputs)
    else:
        logger = configure(path, [name for name in formats if name != "wandb"])
    if "wandb" in formats:
        logger.output_formats.append(WandbFormat(run))
    return logger


def record(logger: Logger, scalars: Mapping[str, float]) -> None:
    """Hand scalars over, to be written by the next ``logger.dump``."""
    for name, value in scalars.items():
        whole = name.rpartition("/")[2] in _INTEGERS
        exclude = "tensorboard" if name in _NOT_IN_TENSORBOARD else None
        logger.record(name, int(value) if whole else value, exclude=exclude)
