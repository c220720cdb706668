"""One frozen configuration of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gisteval.options import Panel, as_one, check_bounds, check_choices, option
from gisteval.records.budget import parse_budgets
from gisteval.records.choosing import CHOICES, FIRST, check_choice
from gisteval.records.samples import MOST_SAMPLES, drawn_samples
from gisteval.records.schema import CONDITIONS, MOST_GISTS, as_condition
from gisteval.registry import split_specs
from gisteval.thinking import PAIRS, Thinking, chosen_thinking
from gisteval.workers import EXECUTORS, check_executor, rows_of


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What `gisteval run` evaluates and how.

    The fields' metadata make the options of the command, the schema of configuration files and
    docs/configuration.md. Empty tuples and None stand for the defaults.
    """

    models: tuple[str, ...] = option(
        (),
        "What to evaluate: the folder of a checkpoint, a folder of several (a suite), or a name on the "
        "Hugging Face hub. May be repeated.",
        Panel.MODELS,
        flag="model",
        metavar="PATH",
        unset="the demo suites",
        split=as_one,
    )
    pos_control: str | None = option(
        None,
        "Checkpoint trained as the positive control: it sees the whole prompt.",
        Panel.MODELS,
        metavar="PATH",
        unset="the one beside the model, else the model itself with the full prompt",
    )
    neg_control: str | None = option(
        None,
        "Checkpoint trained as the negative control: it sees nothing of the instruction.",
        Panel.MODELS,
        metavar="PATH",
        unset="the one beside the model, else the model itself without the instruction",
    )
    condition: str | None = option(
        None,
        "What a model was trained as, if its folder has no gist.json that says so.",
        Panel.MODELS,
        metavar="NAME",
        choices=CONDITIONS,
    )
    base: str | None = option(
        None, "Model that weight differences or adapters are added to.", Panel.MODELS, metavar="PATH"
    )
    chat_template: str | None = option(
        None,
        "Write prompts with the tokenizer's own chat template, and put the instruction into the system "
        "or into the user message.",
        Panel.MODELS,
        choices=("system", "user"),
    )
    allow_pickle: bool = option(
        False, "Read weights from .bin files as well; nothing but tensors is taken from them.", Panel.MODELS
    )
    task: str = option(
        "wordplay",
        "What the models are asked: the name of a task, its folder or its YAML file. Settings may follow, "
        "as in needle:length=1024. gisteval ls tasks lists the bundled ones.",
        Panel.TASK,
        metavar="NAME|PATH",
    )
    splits: tuple[str, ...] = option(
        (),
        "Parts of the task to evaluate, such as seen,unseen,human.",
        Panel.TASK,
        flag="split",
        metavar="NAMES",
        unset="the task's own choice",
    )
    limit: int | None = option(
        None,
        "Use only N examples of each split, the first unless --choose says otherwise.",
        Panel.TASK,
        metavar="N",
        least=1,
        unset="all",
    )
    choose: str = option(
        FIRST,
        "Which examples --limit takes: the first of the file, some at random, or the same share of each "
        "instruction's (instructions). --seed and a hash of their content decide.",
        Panel.TASK,
        choices=CHOICES,
    )
    data_dir: str | None = option(
        None, "Folder that already holds the data of tasks that are downloaded.", Panel.TASK, metavar="DIR"
    )
    compressors: tuple[str, ...] = option(
        (),
        "How instructions are compressed, such as truncate; gisteval ls compressors lists all. May be "
        "repeated.",
        Panel.COMPRESSION,
        flag="compressor",
        metavar="SPEC",
        unset="what each checkpoint was trained for",
        split=split_specs,
    )
    budgets: tuple[str, ...] = option(
        (),
        "How much of the instruction a compressor keeps: a number of slots or tokens (16), or a share "
        "of the instruction (25%). Several, separated by commas, are evaluated one by one.",
        Panel.COMPRESSION,
        flag="budget",
        metavar="N|P%",
        unset="the compressor's own choice",
        takes_numbers=True,
    )
    k: int | None = option(
        None,
        "Number of gist tokens.",
        Panel.COMPRESSION,
        metavar="N",
        least=1,
        most=MOST_GISTS,
        unset="as many as the checkpoint was trained with",
    )
    max_new_tokens: int | None = option(
        None,
        "Longest output of a model, in tokens.",
        Panel.DECODING,
        metavar="N",
        least=1,
        unset="the task's own limit",
    )
    samples: int = option(
        1,
        "Answers drawn for each example, by --seed and a hash of its content. Needs --temperature.",
        Panel.DECODING,
        metavar="K",
        least=1,
        most=MOST_SAMPLES,
    )
    temperature: float = option(
        0.0, "Draw answers at this temperature; 0: greedily.", Panel.DECODING, metavar="T", least=0
    )
    thinking: str = option(
        "strip",
        "What happens to the thoughts that a model writes before its answer: strip scores only the "
        "answer, keep scores the whole text.",
        Panel.DECODING,
        choices=("strip", "keep"),
    )
    thinking_tags: tuple[str, ...] = option(
        PAIRS[0], "The texts that open and close a thought.", Panel.DECODING, file_only=True
    )
    judge: str = option(
        "reference",
        "Who compares outputs with the positive control's: the name of a judge or its folder, or none. "
        "gisteval ls judges lists the bundled ones.",
        Panel.JUDGE,
        metavar="NAME",
    )
    judge_params: tuple[str, ...] = option(
        (),
        "Set a parameter of the judge's requests, such as temperature=0. An empty value leaves a "
        "parameter out. May be repeated.",
        Panel.JUDGE,
        flag="judge-param",
        metavar="NAME=VALUE",
    )
    allow_host: str | None = option(
        None,
        "Host, or host:port, that the judge's file may name as its server. No file can set this option.",
        Panel.JUDGE,
        metavar="HOST",
        command_only=True,
    )
    device: str = option(
        "auto", "Where models run: auto, cpu, cuda, cuda:1, ...", Panel.HARDWARE, metavar="NAME"
    )
    dtype: str = option(
        "auto",
        "Number format of weights and activations.",
        Panel.HARDWARE,
        metavar="NAME",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    batch_size: str = option(
        "auto",
        "Examples that are run at once. auto takes as many as fit into memory. Results do not depend on "
        "it.",
        Panel.HARDWARE,
        metavar="auto|N",
        takes_numbers=True,
    )
    device_map: str | None = option(
        None,
        "Spread a large model over several devices: auto, balanced, balanced_low_0, sequential, or a "
        ".json file that names a device for each module.",
        Panel.HARDWARE,
        metavar="NAME|FILE",
    )
    quantize: str | None = option(
        None,
        "Load weights in 8 or 4 bits (extra: quantized).",
        Panel.HARDWARE,
        choices=("int8", "int4"),
    )
    executor: str = option(
        "local",
        "Where the work is done: in this process, or by the workers of a Ray cluster (extra: ray).",
        Panel.WORKERS,
        choices=EXECUTORS,
    )
    ray_address: str | None = option(
        None,
        "Address of the Ray cluster.",
        Panel.WORKERS,
        metavar="HOST:PORT",
        unset="RAY_ADDRESS, else a cluster started on this machine",
    )
    num_workers: int | None = option(
        None, "Number of Ray workers.", Panel.WORKERS, metavar="N", unset="as many as there is room for"
    )
    gpus_per_worker: float | None = option(
        None, "GPUs of each Ray worker, such as 1 or 0.5.", Panel.WORKERS, metavar="N"
    )
    output: str | None = option(
        None,
        "Folder of the run. A run that was stopped goes on in its folder.",
        Panel.OUTPUT,
        metavar="DIR",
        unset="a folder under runs/",
    )
    profile: bool = option(
        False, "Measure speed and memory once all outputs are there (extra: profile).", Panel.OUTPUT
    )
    diagnose: bool = option(
        False, "Say what compression loses, and where, as gisteval diagnose does.", Panel.OUTPUT
    )
    log_to: tuple[str, ...] = option(
        (),
        "Trackers that get the finished run's numbers. Each is an extra of its name. May be repeated.",
        Panel.OUTPUT,
        choices=("mlflow", "trackio", "wandb"),
    )
    seed: int = option(
        0, "Seed of all that is drawn at random, such as answers.", Panel.OUTPUT, metavar="N", least=0
    )

    def __post_init__(self) -> None:
        check_bounds(self)
        as_condition(self.condition)
        parse_budgets(self.budgets)
        check_choice(self.choose, self.limit)
        drawn_samples(self.samples, self.temperature)
        self.thoughts()
        self.rows_per_batch()
        check_executor(self.executor, self.ray_address, self.num_workers, self.gpus_per_worker)
        check_choices(self)

    @property
    def drawn(self) -> int | None:
        """How many answers are drawn for each example; None where answers are greedy."""
        return drawn_samples(self.samples, self.temperature)

    def thoughts(self) -> Thinking:
        """What becomes of the models' thoughts. Raises GistevalError for an unknown rule, or bad tags."""
        return chosen_thinking(self.thinking, self.thinking_tags)

    def rows_per_batch(self) -> int | None:
        """Batch size as a number, None for "auto". Raises GistevalError for anything else."""
        return rows_of(self.batch_size)

    def to_json(self) -> dict[str, object]:
        """Plain form for the manifest. A single budget, or none, is written as manifests always had it."""
        content = asdict(self)
        del content["log_to"]  # it says nothing of how results are made
        for name, default in (("choose", FIRST), ("diagnose", False)):
            if content[name] == default:
                del content[name]  # as manifests always were
        if self.drawn is None:
            del content["samples"], content["temperature"]
        budgets: list[int | str] = [int(text) if text.isdecimal() else text for text in self.budgets]
        single = len(budgets) < 2
        content["budgets"] = (budgets[0] if budgets else None) if single else budgets
        return {"budget" if name == "budgets" else name: value for name, value in content.items()}
