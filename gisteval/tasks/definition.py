"""A task is a folder with a task.yaml: splits, field mapping, template, decoding limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from gisteval.content import beside, find_content, first_fault, inside, read_yaml
from gisteval.errors import GistevalError, did_you_mean
from gisteval.files.cache import cache_folder
from gisteval.files.names import checked_name
from gisteval.files.tables import read_table
from gisteval.records.schema import Example, digest
from gisteval.registry import METRICS
from gisteval.tasks import sources
from gisteval.tasks.installed import generated, installed
from gisteval.tasks.items import Fields, Strict, example_of
from gisteval.tasks.settings import Setting, canonical, read_settings, split_task

TASK_FILE = "task.yaml"

Name = Annotated[str, AfterValidator(checked_name)]

_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")


class DataFile(Strict):
    """A file that a generator reads, beside the task.yaml, or anywhere below the data folder.

    Attributes:
        file: Its name.
        sha256: Its checksum.
        unpacked: The checksum is that of the content of a .gz file, which may be packed in many ways.
    """

    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    unpacked: bool = False

    @field_validator("file")
    @classmethod
    def _inside(cls, name: str) -> str:
        return inside(name)


class Release(Strict):
    """Published files that a split's checked files are made of, where they lie in no folder here.

    Attributes:
        url: Where they lie.
        maker: "module:function" that makes the checked files in a folder. Like generators, only installed
            ones run.
    """

    url: str
    maker: str


class Split(Strict):
    """Where one split comes from: exactly one of file, url, dataset and generator.

    Attributes:
        file: JSON, JSONL, CSV or Parquet (optionally .gz) beside the task.yaml, or below it. With a sha256
            it is checked, and may lie anywhere below the data folder instead.
        url: Downloaded once into the cache, and checked against sha256.
        sha256: The checksum of the file or the download.
        dataset: The name of a Hugging Face data set, with configuration and split after colons
            ("org/name:config:split").
        generator: "module:function" that yields mappings. Only installed ones run (entry points of the
            group "gisteval.generators"), since a task file is data and must not run anything else.
        options: Arguments of the generator; the task's settings come on top.
        files: Checked files that the generator reads, by the names of its arguments.
        release: What the files are made of, once, into the cache.
        description: What the split holds.
    """

    file: str | None = None
    url: str | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    dataset: str | None = None
    generator: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, DataFile] = Field(default_factory=dict)
    release: Release | None = None
    description: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        origins = [self.file, self.url, self.dataset, self.generator]
        if sum(value is not None for value in origins) != 1:
            raise ValueError("give exactly one of file, url, dataset, generator")
        if self.url is not None and self.sha256 is None:
            raise ValueError("a url needs its sha256")
        if self.file is not None:
            inside(self.file)
        if self.dataset is not None and not _HUB_NAME.fullmatch(self.dataset.partition(":")[0]):
            raise ValueError(
                f"{self.dataset!r} is not the name of a data set on the hub (org/name): give local data "
                "as a file"
            )
        return self


class Definition(Strict):
    """The content of task.yaml.

    Attributes:
        name: Of the task.
        version: Raised when its content changes.
        description: What it asks.
        license: Of its data.
        splits: By name.
        fields: The columns of the data.
        max_new_tokens: The longest answer, in tokens.
        default_splits: Splits that a run evaluates unless told otherwise; all if empty.
        metrics: Names of `registry.METRICS`, the most telling one first; the usual ones if empty.
        settings: What may be set behind the task's name, `needle:length=1024`. Each is an argument of all
            its generators.
        paraphrases: An installed generator of the instructions in other words, "module:function". It takes
            the items of a split, and yields mappings of instruction and paraphrase.
    """

    name: Name
    version: int
    description: str
    license: str
    splits: dict[Name, Split] = Field(min_length=1)
    fields: Fields = Fields()
    max_new_tokens: int = Field(128, ge=1)
    default_splits: list[str] = Field(default_factory=list)
    metrics: tuple[str, ...] = ()
    settings: dict[str, Setting] = Field(default_factory=dict)
    paraphrases: str | None = None


_Origin = Literal["beside", "data folder", "cache", "made"]
"""Where a checked file comes from."""


class Task:
    """A loaded definition that can read its splits."""

    def __init__(
        self,
        definition: Definition,
        folder: Path,
        data_dir: Path | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the definition.

        Args:
            definition: The content of the task.yaml.
            folder: Where it lies.
            data_dir: Where the files of `url` splits are looked up before any download.
            given: Texts of settings.

        Raises:
            GistevalError: A setting is unknown, or its value makes no sense.
        """
        self.settings = read_settings(definition.name, definition.settings, given or {})
        self.definition = definition
        self.folder = folder
        self.data_dir = data_dir

    @property
    def name(self) -> str:
        """The task's name, with those of its settings that differ from the defaults."""
        return canonical(self.definition.name, self.definition.settings, self.settings)

    @property
    def evaluation_splits(self) -> list[str]:
        """Splits that a run evaluates unless told otherwise."""
        return self.definition.default_splits or list(self.definition.splits)

    def split(self, name: str) -> Split:
        """One split's definition. Raises GistevalError for an unknown name."""
        known = self.definition.splits
        if name not in known:
            raise GistevalError(
                f"task {self.name} has no split {name!r}{did_you_mean(name, known)}: "
                f"choose from {', '.join(known)}"
            )
        return known[name]

    def examples(self, split: str, limit: int | None = None) -> Iterator[Example]:
        """The examples of a split, in file order. Raises GistevalError naming a bad item."""
        definition, task = self.definition, self.name
        for number, item in enumerate(self._items(self.split(split))):
            if limit is not None and number >= limit:
                return
            where = f"{task}/{split}, item {number + 1}"
            name = f"{definition.name}-{split}-{number + 1:04}"
            yield example_of(item, definition.fields, task, split, name, where)

    def paraphrases(self, split: str) -> dict[str, str]:
        """The instructions of a split in other words; empty if the task has none."""
        if self.definition.paraphrases is None:
            return {}
        found = generated(self.definition.paraphrases, {"items": self._items(self.split(split))})
        return {str(item["instruction"]): str(item["paraphrase"]) for item in found}

    def fingerprint(self, split: str, limit: int | None) -> str:
        """Digest of the contents of a split's examples, in order."""
        return digest([example.content_id for example in self.examples(split, limit)])

    def _items(self, split: Split) -> Iterator[dict[str, Any]]:
        if split.generator is not None:
            files = self._checked(split.files, split.release)
            return generated(split.generator, {**split.options, **self.settings, **files})
        if split.dataset is not None:
            return sources.read_dataset(split.dataset)
        if split.url is not None:
            assert split.sha256 is not None
            return read_table(sources.fetch(split.url, split.sha256, self.data_dir))
        assert split.file is not None
        if split.sha256 is None:
            return read_table(beside(self.folder, split.file))
        file = DataFile(file=split.file, sha256=split.sha256)
        return read_table(self._checked({"file": file}, None)["file"])

    def _checked(self, files: Mapping[str, DataFile], release: Release | None) -> dict[str, Path]:
        """Where files lie, whose digests are checked once all of them are there."""
        found = {name: self._place(file, release) for name, file in files.items()}
        # What was searched for was read. But a maker may write over a file that the cache had.
        origins = {origin for _, origin in found.values()}
        read = {"data folder"} if "made" in origins else {"data folder", "cache"}
        for name, (path, origin) in found.items():
            if origin not in read:
                sources.check_digest(path, files[name].sha256, files[name].unpacked)
        return {name: path for name, (path, _) in found.items()}

    def _place(self, file: DataFile, release: Release | None) -> tuple[Path, _Origin]:
        """A file beside the task's, below the data folder, or made of a release."""
        path = beside(self.folder, file.file)
        if path.is_file():
            return path, "beside"
        elsewhere = sources.in_data_folder(path.name, file.sha256, self.data_dir, file.unpacked)
        if elsewhere is not None:
            return elsewhere, "data folder"
        return (path, "beside") if release is None else self._made(file, release)

    def _made(self, file: DataFile, release: Release) -> tuple[Path, _Origin]:
        """A file in the cache, made anew unless it is there already."""
        path = cache_folder(self.definition.name) / file.file
        if path.is_file() and sources.file_digest(path, file.unpacked) == file.sha256:
            return path, "cache"
        installed(release.maker)(release.url, cache_folder(self.definition.name))
        return path, "made"


def load_task(name: str, tasks_dir: Path | None = None, data_dir: Path | None = None) -> Task:
    """A task by name, or by the path of its folder or YAML file.

    Settings may follow behind a colon, "needle:length=1024". Raises GistevalError.
    """
    given: dict[str, str] = {}
    if not Path(name).exists():
        name, given = split_task(name)
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or (path / TASK_FILE).is_file():
        file = path / TASK_FILE if path.is_dir() else path
        return Task(read_definition(file), file.parent, data_dir, given)
    known = list_tasks(tasks_dir)
    if name not in known:
        if path.is_dir():
            raise GistevalError(f"folder {path} has no {TASK_FILE}, so it is not a task")
        raise GistevalError(
            f"task {name!r} is unknown{did_you_mean(name, known)}: choose from {', '.join(known)}, "
            "or give the path of a task.yaml"
        )
    return Task(read_definition(known[name]), known[name].parent, data_dir, given)


def list_tasks(tasks_dir: Path | None = None) -> dict[str, Path]:
    """Names of the tasks in the tasks folder with their files, sorted."""
    folder = find_content("tasks", tasks_dir)
    return {file.parent.name: file for file in sorted(folder.glob(f"*/{TASK_FILE}"))}


def read_definition(file: Path) -> Definition:
    """Parse and check a task.yaml. Raises GistevalError naming the first wrong field."""
    content = read_yaml(file, "task file")
    try:
        definition = Definition.model_validate(content)
    except ValidationError as error:
        raise GistevalError(f"{file}: {first_fault(error)}") from error
    unknown = set(definition.default_splits) - set(definition.splits)
    if unknown:
        raise GistevalError(f"{file}: default_splits names unknown splits: {', '.join(sorted(unknown))}")
    for name in definition.metrics:
        try:
            METRICS.check(name)
        except GistevalError as error:
            raise GistevalError(f"{file}: metrics: {error}") from error
    return definition
