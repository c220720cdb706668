"""A cluster of gisteval's own lets nobody in who has not been given its token."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gisteval.executors.ray_cluster import RayOptions, ask_for_token

pytest.importorskip("ray", reason="ray is not installed: pip install 'gisteval[ray]'")

STRANGER = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print("let in")
"""
OWNER = """
import os, subprocess, sys
from gisteval.executors.ray_cluster import RayOptions, cluster, import_ray

options = RayOptions(workers=1)
ray = import_ray(options)
with cluster(ray, options):
    address = ray.get_runtime_context().gcs_address
    print(ray.get(ray.remote(lambda: "works").remote()))
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    wrong = {**outside, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    for environment in ({**outside, "HOME": sys.argv[1]}, wrong, dict(os.environ)):
        command = [sys.executable, sys.argv[2], address]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        print("let in" if "let in" in ended.stdout else "refused")
"""


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text(STRANGER)
    # How long a client tries, in Ray's own variables.
    quick = {"RAY_gcs_rpc_server_connect_timeout_s": "1", "RAY_NUM_REDIS_GET_RETRIES": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | quick
    command = [sys.executable, "-c", OWNER, str(tmp_path), str(tmp_path / "stranger.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.stdout.split() == ["works", "refused", "refused", "let", "in"], ended.stderr
    assert not (tmp_path / ".ray").exists()


@pytest.mark.parametrize(
    ("address", "given", "found"),
    [
        ("10.0.0.1:6379", {}, {}),
        (None, {"RAY_ADDRESS": "10.0.0.1:6379"}, {}),
        (None, {"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "disabled"}),
        (
            None,
            {"RAY_AUTH_TOKEN_PATH": "mine"},
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "mine"},
        ),
        (None, {"RAY_AUTH_TOKEN": "mine"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "mine"}),
    ],
)
def test_what_the_user_has_set_up_stays(
    address: str | None, given: dict[str, str], found: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(given))
    ask_for_token(RayOptions(address))
    assert {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH")} == found
