"""Sphinx configuration. The catalogue and API pages are written from the code at every build."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

# Uncompiled functions keep their docstrings and signatures; a compiled dispatcher hides them.
os.environ["NUMBA_DISABLE_JIT"] = "1"
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Operant"
author = "The Operant authors"
copyright = "2026, The Operant authors"
release = importlib.metadata.version("operant")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "catalogue",
]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]  # no math: it would load a script from the net
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "ignore-module-all": True, "show-inheritance": True}
autoclass_content = "both"  # the arguments are described in __init__
autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_numpy_docstring = False
napoleon_use_ivar = (
    True  # fields of a class are a list in its description, not objects of their own
)

# Links into other projects' documentation need the network, which a build must not depend on.
if os.environ.get("OPERANT_DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "gymnasium": ("https://gymnasium.farama.org", None),
        "stable_baselines3": ("https://stable-baselines3.readthedocs.io/en/master", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

toc_object_entries = False  # thousands, which the theme would go through again for every page

html_theme = "furo"
html_title = f"Operant {release}"
