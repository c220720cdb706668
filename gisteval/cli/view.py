"""The command `gisteval view`: a run's report in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the server. 0 takes a free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Show a run's report in the browser, served to this machine only, until Ctrl-C."""
    import webbrowser
    from contextlib import suppress

    from gisteval.records.run_folder import RunFolder
    from gisteval.report.build import current_page
    from gisteval.report.server import ReportServer

    with ReportServer(current_page(RunFolder.open(run)), port) as server:
        print(f"{server.url} (Ctrl-C ends it)", flush=True)
        if browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):  # how one leaves; nothing is lost
            server.serve_forever()
