"""The connection to a Ray cluster, or a new cluster on this machine."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gisteval.errors import GistevalError, MissingExtra, one_line

LOCAL = "local"
"""Ray's address for a new cluster on this machine alone."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Which cluster and how many workers to use.

    Attributes:
        address: The cluster's address. None means RAY_ADDRESS or else a new cluster on this machine that
            ends with this command.
        workers: Number of workers. None means as many as the cluster has room for, which may grow.
        gpus: GPUs of one worker.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0


def _address(options: RayOptions) -> str:
    return options.address or os.environ.get("RAY_ADDRESS") or LOCAL


@contextmanager
def cluster(ray: Any, options: RayOptions) -> Iterator[None]:
    """Connect to a cluster, unless the Python program that calls this has a connection already.

    Raises:
        GistevalError: There is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    address = _address(options)
    local = {"num_cpus": max(options.workers or 0, os.cpu_count() or 1)} if address == LOCAL else {}
    try:
        ray.init(
            address=address,
            include_dashboard=False if local else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **local,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise GistevalError(
            f"no Ray cluster at {address} ({one_line(error)}): start one with 'ray start --head', or leave "
            "out --ray-address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def ask_for_token(options: RayOptions) -> None:
    """Make a new cluster on this machine require a token that only this process and its workers have.

    Such a cluster listens on all networks of the machine. Ray's own variables stay as the user has set
    them, and an existing cluster keeps its own rules.
    """
    if _address(options) != LOCAL or "RAY_AUTH_MODE" in os.environ:
        return
    os.environ["RAY_AUTH_MODE"] = "token"
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def import_ray(options: RayOptions) -> Any:
    """Import ray with its usage reports and its advice on GPUs switched off.

    Raises:
        MissingExtra: ray is not installed.
    """
    if "ray" not in sys.modules:  # Ray reads these variables when it is imported
        ask_for_token(options)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("ray", "ray") from error
    return ray
