"""What Ray is told by its environment before it is imported (no Ray)."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

# set before Ray is imported: no telemetry, the user's working directory, no output
RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_RESULT_BUFFER_LENGTH": "0",
    "GLOG_minloglevel": "3",
    "RAY_BACKEND_LOG_LEVEL": "warning",
}
# Ray's own switch for machines without a cluster: all its servers then listen on the loopback only
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# which cluster, by which road, and with which resources: not for a session on this machine
_OF_A_CLUSTER = (
    "RAY_ADDRESS",
    "RAY_REDIS_ADDRESS",
    "RAY_CLIENT_MODE",
    "RAY_FAKE_CLUSTER",
    "RAY_GCS_SERVER_PORT",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_OVERRIDE_LABELS",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_RAYLET_PID",
    "RAY_RUNTIME_ENV",
    "RAY_RUNTIME_ENV_HOOK",
)


def ignore_clusters() -> None:
    """Take out of the environment what would send a session of this machine elsewhere, with a line."""
    found = {name: os.environ.pop(name) for name in _OF_A_CLUSTER if name in os.environ}
    if found:
        said = ", ".join(found)
        print(f"ignored: {said} (a cluster is joined with --address HOST:PORT or auto)", file=sys.stderr)


def token_mode() -> dict[str, str]:
    """Have Ray show its token where there is one: a head asks for it by itself, a driver must be told."""
    known = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    with contextlib.suppress(RuntimeError):  # a user without a home
        known = known or (Path.home() / ".ray" / "auth_token").is_file()
    return {"RAY_AUTH_MODE": "token"} if known and "RAY_AUTH_MODE" not in os.environ else {}
