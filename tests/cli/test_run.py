"""What `gisteval run` prints: a narrow summary, and more or less of it on request."""

from __future__ import annotations

from importlib.metadata import version


def test_a_run_prints_what_it_is_asked_for(tiny_suite, tiny_task, tmp_path, gisteval) -> None:
    command = (
        "run",
        "--model",
        tiny_suite,
        "--task",
        tiny_task / "task.yaml",
        "--limit",
        2,
        "--judge",
        "none",
    )
    command = (*command, "--max-new-tokens", 2, "--output", tmp_path / "run")
    page = tmp_path / "run" / "report" / "report.html"

    first = gisteval(*command, "--no-report")
    assert first.code == 0 and first.progress and not page.exists()
    lines = first.out.splitlines()
    assert max(map(len, lines[:-1])) <= 80 and lines[-1] == f"next: gisteval report {tmp_path / 'run'}"

    quiet = gisteval(*command, "--quiet")
    assert (quiet.out, quiet.err, quiet.progress) == (f"{tmp_path / 'run'}\n", "", ())
    assert page.exists() and "writing the report" in (tmp_path / "run" / "log.txt").read_text()

    wide = gisteval(*command, "--verbose", "--no-report").out
    assert "compression asked" in wide and max(map(len, wide.splitlines())) > 80


def test_verbose_and_quiet_exclude_each_other(refused) -> None:
    assert "--verbose and --quiet exclude each other" in refused("run", "--verbose", "--quiet")


def test_the_version_is_that_of_the_package(gisteval) -> None:
    outcome = gisteval("--version")
    assert (outcome.code, outcome.out) == (0, f"gisteval {version('gisteval')}\n")


def test_completion_is_offered(gisteval, monkeypatch) -> None:
    monkeypatch.setenv("_GISTEVAL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "gisteval comp")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert sorted(gisteval().out.split()) == ["compare", "compress"]
