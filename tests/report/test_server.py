"""The report on loopback: who gets it and who doesn't."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading

import pytest

from gisteval.errors import GistevalError
from gisteval.report.build import current_page
from gisteval.report.server import ReportServer


@pytest.fixture
def server(tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<p>hello", encoding="utf-8")
    with ReportServer(page) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(server, path: str = "/", method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer


def test_the_page_and_nothing_else(server) -> None:
    status, body, answer = ask(server)
    assert (status, body) == (200, b"<p>hello")
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert ask(server, "/?again")[0] == 200
    assert ask(server, method="HEAD")[:2] == (200, b"")
    for path in ("/report.html", "/../../etc/passwd", "/."):
        assert ask(server, path)[0] == 404
    assert ask(server, method="POST")[0] == 501


def test_only_this_machine_by_its_own_name(server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, Host=f"localhost:{server.server_port}")[0] == 200
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1", "127.0.0.1:1", ""):
        assert ask(server, Host=host)[0] == 403


def test_a_rebuilt_page_is_read_anew_and_a_lost_one_is_missing(server) -> None:
    server.page.write_text("second", encoding="utf-8")
    assert ask(server)[1] == b"second"
    server.page.unlink()
    assert ask(server)[0] == 404


def test_a_port_that_is_taken(server) -> None:
    with pytest.raises(GistevalError, match=f"port {server.server_port}: .* choose another --port"):
        ReportServer(server.page, server.server_port)


def test_a_foreign_page_runs_nothing_of_its_own(write_small_run, make_example, tmp_path, chromium) -> None:
    run = write_small_run(tmp_path / "run", {"seen": [make_example(1)]})
    page = current_page(run)
    text = page.read_text(encoding="utf-8")
    evil = text.replace("<body>", "<body><script>document.title = 'usurped'</script>").replace(
        '<meta http-equiv="Content-Security-Policy"', '<meta name="gone"'
    )
    assert evil.count("usurped") == 1 and "http-equiv" not in evil
    page.write_text(evil, encoding="utf-8")
    with ReportServer(page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        refused: list[str] = []
        shown = chromium.new_page()
        shown.on("console", lambda message: refused.append(message.text))
        shown.goto(server.url)
        shown.wait_for_selector("html[data-ready]", timeout=120_000)  # our own script ran
        assert shown.title() == "tiny: seen"
        assert len(refused) == 1 and "inline script violates" in refused[0]
        shown.close()
        server.shutdown()
        thread.join()
    page.write_text("<p>another version's page", encoding="utf-8")
    os.utime(page, (2e9, 2e9))
    assert current_page(run).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_view_serves_until_it_is_interrupted(small_run, small_page, open_page) -> None:
    command = [sys.executable, "-m", "gisteval", "view", str(small_run.path), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[0]
        assert open_page(url).title() == "tiny: seen, human"
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")


def test_view_of_no_run(tmp_path) -> None:
    command = [sys.executable, "-m", "gisteval", "view", str(tmp_path), "--no-browser"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.startswith(f"gisteval: {tmp_path} holds no run")
