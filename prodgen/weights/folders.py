"""Where the model files of drawing lie on this machine, and what is kept about them. Standard library only.

Every such folder is laid out as the models folder of AUTOMATIC1111's web UI: Stable-diffusion, VAE, Lora,
embeddings, ControlNet, ESRGAN, ic-light.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

MODELS_VARIABLE = "PRODGEN_MODELS"
"""Environment variable that names the models folder."""


def server_models() -> Path:
    """Return the models folder of the GPU server that install_backend.sh installs."""
    return Path(os.environ.get("PRODGEN_BACKEND_DIR") or _data() / "backend") / "webui/models"


def models_folder() -> Path:
    """Return the folder of the models that draw, which need not exist.

    It is what `PRODGEN_MODELS` names; else that of the installed GPU server, so that its models serve twice;
    else a folder of prodgen's own.
    """
    if named := os.environ.get(MODELS_VARIABLE):
        return Path(named).expanduser()
    of_server = server_models()
    return of_server if of_server.is_dir() else _data() / "models"


def getting(names: str, folder: Path) -> str:
    """Return the command that gets models, by their names, into a folder."""
    command = f"prodgen weights get {names}"
    return command if folder == models_folder() else f"{MODELS_VARIABLE}={shlex.quote(str(folder))} {command}"


def _data() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()) / "prodgen"


def user_cache_folder() -> Path:
    """Return the folder for what can be found out again, which need not exist.

    Raises:
        RuntimeError: If this user has no home.
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "prodgen"
