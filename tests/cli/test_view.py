"""`gisteval view`: the page that the browser is sent to, until one interrupts."""

from __future__ import annotations

import _thread
import threading
import urllib.request
import webbrowser
from pathlib import Path


def test_the_browser_is_sent_to_the_page_that_is_printed(gisteval, make_run, monkeypatch) -> None:
    run = make_run({"pos": ["a"], "gist-1": ["b"]})
    assert gisteval("report", run).code == 0
    pages: dict[str, bytes] = {}

    def read(url: str) -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:
            pages[url] = answer.read()
        _thread.interrupt_main()

    monkeypatch.setattr(webbrowser, "open", lambda url: threading.Thread(target=read, args=(url,)).start())
    done = gisteval("view", run)
    ((url, page),) = pages.items()
    assert (done.code, done.out, done.err) == (0, f"{url} (Ctrl-C ends it)\n", "")
    assert page == (run / "report" / "report.html").read_bytes()


def test_a_folder_without_a_run_is_one_line(refused, tmp_path: Path) -> None:
    assert f"{tmp_path} holds no run" in refused("view", tmp_path, "--no-browser")
