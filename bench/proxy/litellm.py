"""LiteLLM's proxy, tuned as its documentation says for production, without a database.

Installed into an environment of its own below `var/bench` when it is not there. The settings are those of
docs.litellm.ai/docs/proxy/prod that apply without a database: LITELLM_MODE=PRODUCTION (no .env is loaded),
LITELLM_LOG=ERROR, set_verbose off, request_timeout 600, a master key, one worker per core.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from bench.proxy.messages import MODEL
from bench.proxy.sides import MissingError, Side, free_port, started

VERSION: Final = "1.104.5"
_HOME: Final = Path(__file__).parents[2] / "var" / "bench" / f"litellm-{VERSION}"
_KEY: Final = "sk-bench-of-litellm"
_READY: Final = _HOME / ".ready"


def _install() -> None:
    """Makes the environment. Raises `MissingError` when the package index does not give LiteLLM."""
    if _READY.exists():
        return
    print(f"installing LiteLLM {VERSION} into {_HOME} ...", flush=True)
    pip = [str(_HOME / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(_HOME)], check=True, capture_output=True, text=True)
        subprocess.run([*pip, f"litellm[proxy]=={VERSION}"], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        last = str(error.stderr).strip().splitlines()[-1:]
        raise MissingError(f"LiteLLM {VERSION} cannot be installed, so it is not measured: {last}") from error
    _READY.touch()


@contextmanager
def serving(scratch: Path, provider: int) -> Iterator[Side]:
    """One worker of LiteLLM. Raises `MissingError`, and `RuntimeError` when it does not serve."""
    _install()
    port = free_port()
    upstream = {"model": f"openai/{MODEL}", "api_key": "none", "api_base": f"http://127.0.0.1:{provider}/v1"}
    config: dict[str, Any] = {
        "model_list": [{"model_name": MODEL, "litellm_params": upstream}],
        "general_settings": {"master_key": _KEY},
        "litellm_settings": {"set_verbose": False, "request_timeout": 600, "json_logs": True},
    }
    file = scratch / "litellm.yaml"
    file.write_text(yaml.safe_dump(config))
    environ = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MASTER_KEY": _KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is fetched from elsewhere at its start
    }
    command = [str(_HOME / "bin" / "litellm"), "--config", str(file), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    with started(command, scratch, port, key=_KEY, environ=environ) as side:
        yield side
