"""A report on loopback: one page, for the browser of this machine only."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.report.page import page_policy

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")
"""Names under which the page answers; any other Host is a page elsewhere that points its name here."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReportServer(ThreadingHTTPServer):
    """Serves one file at `/`; it is read anew each time, so a rebuilt report is one reload away."""

    daemon_threads = True

    def __init__(self, page: Path, port: int = 0) -> None:
        """Port 0 takes a free one. Raises GistevalError if the port is taken."""
        self.page = page
        # The folder may be somebody else's, its page too: only scripts and styles of this installation run.
        self.policy = f"{page_policy()}; frame-ancestors 'none'"
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise GistevalError(f"port {port}: {error.strerror or error}: choose another --port") from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    server_version = "gisteval"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        allowed = {f"{host}:{self.server.server_port}" for host in HOSTS}
        if self.headers.get("Host") not in allowed:
            self.send_error(403, "This page is for this machine only")
            return
        if self.path.partition("?")[0] != "/":
            self.send_error(404)
            return
        try:
            body = self.server.page.read_bytes()
        except OSError:
            self.send_error(404, "The report is gone")
            return
        self.send_response(200)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests of one's own browser are no news."""
