"""A server that shows a report to the browser of this machine only, on the loopback address."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.report.page import page_policy

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")
"""The allowed Host names. Any other one is a foreign name that was pointed at this machine."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ReportServer(ThreadingHTTPServer):
    """Serves one file at `/`. It is read for each request, so a reload shows a rebuilt report."""

    daemon_threads = True

    def __init__(self, page: Path, port: int = 0) -> None:
        """Bind the server to a port.

        Args:
            page: The file to serve.
            port: The port; 0 takes a free one.

        Raises:
            GistevalError: The port is in use.
        """
        self.page = page
        # The page may come from somebody else, so only scripts and styles of this installation may run.
        self.policy = f"{page_policy()}; frame-ancestors 'none'"
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise GistevalError(f"port {port}: {error.strerror or error}: choose another --port") from error

    @property
    def url(self) -> str:
        """The address of the page."""
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
        """Log nothing."""
