"""Run folders on the Hugging Face Hub: pushed as a dataset with a card, pulled as a run to be read again.

The card's front matter has the scores as a model-index, and its text the leaderboard. Reports and logs stay
here: a log names paths of this machine, and the page of a stranger could run scripts. HF_ENDPOINT and
HF_TOKEN are those of huggingface_hub.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from gisteval.errors import GistevalError, one_line
from gisteval.records.run_folder import RunFolder
from gisteval.report.data import read_runs
from gisteval.report.layout import markdown_code, markdown_line
from gisteval.report.leaderboard import as_markdown, leaderboard
from gisteval.report.samples import collect_samples
from gisteval.report.values import values_of

KEPT = [
    "manifest.json",
    "results.json",
    *(f"{name}/*.jsonl" for name in ("examples", "generations", "verdicts", "scores")),
    "diagnostics/*.json",
]
"""What of a run lies on the hub, beside its card."""

CARD = "README.md"


def push_run(run: RunFolder, repository: str, private: bool = True) -> str:
    """Put a finished run into a dataset repository, which is made if there is none.

    Args:
        run: The run.
        repository: `owner/name`.
        private: Whether a new repository is private. One that is there stays as it is.

    Returns:
        The address of the commit.

    Raises:
        GistevalError: The run has no results, or the hub refuses.
    """
    from httpx2 import HTTPError
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    card = dataset_card(run)
    files = sorted({file for pattern in KEPT for file in run.path.glob(pattern) if file.is_file()})
    added = [CommitOperationAdd(file.relative_to(run.path).as_posix(), str(file)) for file in files]
    added.append(CommitOperationAdd(CARD, card.encode()))
    hub = HfApi()
    try:
        hub.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        done = hub.create_commit(
            repository, added, commit_message=f"gisteval run {run.path.resolve().name}", repo_type="dataset"
        )
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        raise GistevalError(f"{repository}: the hub did not take the run ({one_line(error)})") from error
    return str(done.commit_url)


def pull_run(repository: str, folder: Path, revision: str | None = None) -> RunFolder:
    """Fetch a run from a dataset repository into a folder.

    Args:
        repository: `owner/name`.
        folder: The folder, which must not hold a run yet.
        revision: A branch, tag or commit. Default: the newest.

    Raises:
        GistevalError: The folder is taken, the hub refuses, or what lies there is no finished run.
    """
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if (folder / "manifest.json").exists():
        raise GistevalError(f"{folder} holds a run already: choose another folder")
    try:
        snapshot_download(
            repository, repo_type="dataset", revision=revision, local_dir=folder, allow_patterns=KEPT
        )
    except (HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise GistevalError(
            f"{repository} could not be fetched from the hub ({one_line(error)})"
        ) from error
    run = RunFolder.open(folder)
    run.results()
    return run


def dataset_card(run: RunFolder) -> str:
    """Write the card of a run: its scores as a model-index, and its leaderboard as text."""
    data = read_runs([run])
    metric = data.leading.name
    ranked = leaderboard(data, values_of(collect_samples(data)), metric)
    front = {"tags": ["gisteval", "prompt-compression"], "model-index": model_index(run)}
    command = " ".join(run.manifest().command)
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return (
        f"---\n{head}---\n\n# {markdown_line(run.path.resolve().name)}\n\n"
        f"A run of gisteval, which evaluates prompt compression: {markdown_code(command)}\n\n"
        f"Read it with `gisteval hub pull`, then `gisteval report`.\n\n{as_markdown(ranked)}"
    )


def model_index(run: RunFolder) -> list[object]:
    """The scores of every system in the form that model cards have: all graded metrics, with intervals."""
    from huggingface_hub.repocard_data import EvalResult, eval_results_to_model_index

    from gisteval.metrics import metric as find_metric

    index: list[object] = []
    rows = run.results()
    for system in dict.fromkeys(row.system for row in rows):
        results = [
            EvalResult(
                task_type="text-generation",
                dataset_type=row.task,
                dataset_name=row.task,
                dataset_split=row.split,
                metric_type=row.metric,
                metric_name=find_metric(row.metric).title,
                metric_value=row.value,
                metric_args={"ci_low": row.ci_low, "ci_high": row.ci_high, "n": row.n},
            )
            for row in rows
            if row.system == system and row.judge is None and find_metric(row.metric).graded
        ]
        if results:
            index += eval_results_to_model_index(system, results)
    return index
