"""The program that renders templates: an answer a request, whatever a template does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gisteval.models.text import template_process
from gisteval.models.text.template_process import _answer

LONG = "it makes over 10 characters of one conversation"


def failing(error: Exception):
    def render(**request):
        raise error

    return render


@pytest.mark.parametrize(
    ("render", "answer"),
    [
        (lambda **request: (["hello"], None), {"text": "hello"}),
        (
            lambda **request: (["x" * 11], None),
            {"error": LONG},
        ),
        (failing(MemoryError()), {"error": "it fills the memory"}),
        (failing(ValueError("no system message")), {"error": "no system message"}),
        (failing(ValueError("y" * 5000)), {"error": "y" * 1000}),
        (failing(KeyError()), {"error": "KeyError"}),
        (failing(RecursionError()), {"error": "RecursionError"}),
    ],
)
def test_each_request_has_one_answer(render, answer) -> None:
    assert _answer(render, {"a": 1}, 10) == answer


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_answers_alone_are_on_its_output_and_its_memory_is_bounded(tmp_path) -> None:
    """A library in place of transformers, which prints, and takes as much memory as it is told."""
    place = tmp_path / "transformers" / "utils"
    place.mkdir(parents=True)
    (place.parent / "__init__.py").touch()
    (place / "__init__.py").touch()
    (place / "chat_template_utils.py").write_text(
        "def render_jinja_template(size):\n    print('noise')\n    return [f'{len(bytes(size))}'], None\n"
    )
    places = json.dumps([str(tmp_path), *sys.path])
    command = [sys.executable, template_process.__file__, places, "5", str(2**28), "100"]
    lines = "".join(json.dumps({"size": size}) + "\n" for size in (3, 2**40, 5))
    found = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert answers == [{"text": "3"}, {"error": "it fills the memory"}, {"text": "5"}]
    assert found.stderr.count("noise") == 3
