"""Build the distributions and prove that the wheel is the tree, and that it works when installed.

Four of the package's folders are symbolic links, and a build tool that does not follow one drops it
without a warning. So the file lists are compared, and the wheel is used from another directory.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMOKE = """
import sys
import gymnasium as gym
import operant

assert operant.__file__.startswith(sys.prefix), f"imported {operant.__file__}, not the wheel"
env = gym.make("SparseKey-5x5-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
print(f"{len(operant.list_envs())} envs, {len(operant.list_designs())} designs, "
      f"{len(operant.list_agents())} agents, {len(operant.list_suites())} suites")
"""


def tree_files() -> set[str]:
    """Return the files of the package in the working tree, as paths inside a wheel."""
    found = set()
    for folder, subfolders, names in os.walk(ROOT / "src" / "operant", followlinks=True):
        subfolders[:] = [name for name in subfolders if name != "__pycache__"]
        found |= {(Path(folder) / name).relative_to(ROOT / "src").as_posix() for name in names}
    return found


def check_contents(wheel: Path) -> None:
    """Compare the wheel with the tree.

    Raises:
        SystemExit: If a file is missing or foreign, naming it.
    """
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    info = {name for name in packed if name.split("/")[0].endswith(".dist-info")}
    missing, foreign = tree_files() - packed, packed - info - tree_files()
    if missing or foreign:
        sys.exit(f"wheel and tree differ; missing: {sorted(missing)}, foreign: {sorted(foreign)}")
    print(f"{wheel.name}: {len(packed - info)} files, the same as the tree")


def check_installed(wheel: Path, folder: Path) -> None:
    """Install the wheel beside this environment's packages and use it from another directory."""
    # This environment's operant is an editable install, which a path line does not activate.
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    subprocess.run([str(python), "-I", "-c", SMOKE], check=True, cwd=folder)
    command = [str(folder / "venv" / "bin" / "operant"), "--help"]
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def main() -> None:
    """Run the checks in a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
        # The wheel is built from the sdist, so this proves both complete.
        built = subprocess.run(build, capture_output=True, text=True)
        if built.returncode:
            sys.exit(built.stdout + built.stderr)
        wheel = next(folder.glob("*.whl"))
        check_contents(wheel)
        check_installed(wheel, folder)


if __name__ == "__main__":
    main()
