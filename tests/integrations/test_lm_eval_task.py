"""Our tasks under lm-eval: the same texts, and the same scores as `gisteval run`."""

from __future__ import annotations

import json

import lm_eval
import pytest
from lm_eval.tasks import TaskManager

import gisteval
from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval import GistLM
from gisteval.prompts import Template
from gisteval.tasks import list_tasks, load_task
from gisteval.tasks.generators.wordplay.choices import choice_questions

LIMIT = 8


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    return TaskManager(include_path=str(find_content("tasks")), include_defaults=False)


def test_every_split_of_every_task_is_there(manager):
    tasks = [load_task(name) for name in list_tasks()]
    expected = {f"gisteval_{task.name}_{split}" for task in tasks for split in task.evaluation_splits}
    known = {f"gisteval_{task.name}_{split}" for task in tasks for split in task.definition.splits}
    found = {name for name in manager.all_subtasks if not name.endswith("_choice")}
    assert expected <= found <= known
    assert {f"gisteval_{name}" for name in list_tasks()} <= set(manager.all_tags)


def test_the_texts_are_those_of_the_template_whatever_the_folder(manager, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = manager.load("gisteval_wordplay_human")["tasks"]["gisteval_wordplay_human"]
    examples = list(load_task("wordplay").examples("human"))
    template = Template()
    assert task.config.generation_kwargs["max_gen_toks"] == load_task("wordplay").definition.max_new_tokens
    assert len(task.test_docs()) == len(examples)
    assert any(not example.input for example in examples)
    for document, example in zip(task.test_docs(), examples, strict=True):
        expected = template.prompt(example.instruction) + template.continuation(example.input)
        assert task.doc_to_text(document) == expected
        assert task.doc_to_target(document) == example.output


def test_alpaca_plus_reads_the_released_data(manager, shared_data, monkeypatch):
    monkeypatch.setenv("GISTEVAL_DATA_DIR", str(shared_data))
    loaded = manager.load("gisteval_alpaca_plus_human")["tasks"]["gisteval_alpaca_plus_human"]
    assert len(loaded.test_docs()) == 252
    assert loaded.config.generation_kwargs["max_gen_toks"] == 256


@pytest.mark.parametrize("name", ["gist-3", "pos_control", "neg_control"])
def test_scores_are_those_of_gisteval_run(manager, tiny_suite, tmp_path, name):
    checkpoint = str(tiny_suite / name)
    run = gisteval.run(model=checkpoint, split="human", limit=LIMIT, output=tmp_path / "run", judge="none")
    model = GistLM(checkpoint)
    system = model.checkpoint.record.name
    found = lm_eval.simple_evaluate(
        model,
        tasks=["gisteval_wordplay_human"],
        task_manager=manager,
        limit=LIMIT,
        bootstrap_iters=0,
        log_samples=True,
    )
    scores = found["results"]["gisteval_wordplay_human"]
    for metric in ("rougeL", "exact_match"):
        chosen = (run.results["system"] == system) & (run.results["metric"] == metric)
        assert [scores[f"{metric},none"]] == pytest.approx(run.results.loc[chosen, "value"].tolist())
    files = sorted((run.folder / "generations").glob("*.jsonl"))
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    outputs = {record["example"]: record["output"] for record in records if record["system"] == system}
    samples = found["samples"]["gisteval_wordplay_human"]
    assert {s["doc"]["id"]: s["filtered_resps"][0].strip() for s in samples} == outputs
    assert found["config"]["gist_prompts"] == len({s["doc"]["instruction"] for s in samples})


@pytest.mark.parametrize("shots", [0, 2])
def test_examples_of_a_question_stand_in_its_compressed_part(manager, tiny_suite, shots):
    model = GistLM(str(tiny_suite / "neg_control"), compress="before:\nInput: {input}")
    lm_eval.simple_evaluate(
        model,
        tasks=["gisteval_wordplay_choice"],
        task_manager=manager,
        num_fewshot=shots,
        limit=3,
        bootstrap_iters=0,
    )
    assert len(model.compression.lengths) == 3
    for question, prompt in zip(choice_questions(), model.compression.lengths, strict=False):
        head = f"Instruction: {question.instruction}\n"
        examples = [f"{head}\nInput: {x}\nOutput: {y}\n\n" for x, y in question.shots[:shots]]
        assert prompt == "".join(examples) + head


def test_more_examples_than_there_are_is_one_line(manager, tiny_suite):
    with pytest.raises(GistevalError, match="a question of this task has 4 examples"):
        lm_eval.simple_evaluate(
            GistLM(str(tiny_suite / "neg_control")),
            tasks=["gisteval_wordplay_choice"],
            task_manager=manager,
            num_fewshot=5,
            limit=1,
        )
