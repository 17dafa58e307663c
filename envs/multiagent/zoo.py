"""PettingZoo's base classes; importing this without PettingZoo says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from operant.extras import require

AECEnv: Any = require("pettingzoo", extra="multiagent").AECEnv
ParallelEnv: Any = require("pettingzoo", extra="multiagent").ParallelEnv
BaseParallelWrapper: Any = importlib.import_module("pettingzoo.utils.wrappers").BaseParallelWrapper
