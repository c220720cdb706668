"""The paper's benchmark files, row by row and on average."""

from __future__ import annotations

import random

import pytest

from gisteval.errors import GistevalError
from gisteval.profiling.closed_form import forward
from gisteval.profiling.meta import Pass
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.released import read_released, released_means, shape_of
from gisteval.profiling.shapes import load_shape

# Mean GFLOPs of the paper's efficiency table: (standard, gist or cached prompt).
TABLE = {
    "llama-7b-benchmarking-human": (914.7, 552.5),
    "llama-7b-benchmarking-prompt-human": (914.7, 553.1),
    "flan-t5-xxl-benchmarking-human": (715.8, 426.8),
}


@pytest.fixture(params=list(TABLE))
def released_file(request, shared_data):
    file = shared_data / "paper" / "benchmarking" / f"pytorch-{request.param}.csv"
    if not file.is_file():
        pytest.skip(f"{file.name} is not among the released data here")
    return file


def test_every_row_is_the_closed_form_and_the_means_are_the_papers(released_file):
    means = {found.model: found for found in released_means([released_file])}
    expected = next(pair for name, pair in TABLE.items() if released_file.stem.endswith(name))
    assert [found.unequal_rows for found in means.values()] == [0, 0]
    assert (round(means["standard"].gflops, 1), round(means["gist"].gflops, 1)) == expected
    assert means["standard"].gflops == means["standard"].released_gflops


def test_fvcore_and_torch_lie_within_a_twentieth_of_a_percent_on_twenty_rows(released_file):
    name = "llama-7b" if "llama" in released_file.name else "flan-t5-xxl"
    counter = OperatorCounter(load_shape(name).config)
    for row in random.Random(0).sample(read_released(released_file), 20):
        found = counter.count(Pass(row.tokens, row.cached))
        for count in (found.fvcore, found.torch):
            assert abs(count - row.flops) <= 0.0005 * row.flops
            assert abs(count - row.flops) <= 0.0002 * row.flops  # what is left is elementwise
        assert found.fvcore == forward(shape_of(released_file), row.tokens, row.cached).matrix


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "pytorch-llama-7b.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(GistevalError, match="columns"):
        read_released(file)
    header = "model,num_prompt_tokens,num_input_tokens,effective_num_gist_tokens,flops,cuda_time\n"
    file.write_text(header + "gist,1,2,x,4,5\n")
    with pytest.raises(GistevalError, match="line 2"):
        read_released(file)
    for row in ("gist,1,2", "gist,1,2,1,4,nan", "gist,1,-2,1,4,5", "gist,1,2,1,4,0"):
        file.write_text(header + row + "\n")
        with pytest.raises(GistevalError, match="line 2"):
            read_released(file)
    file.write_text(header.replace("model,", "id,model,") + "7,gist,1,2,1,4,5\n" * 2)
    with pytest.raises(GistevalError, match="2 rows of gist for 7"):
        read_released(file)
    with pytest.raises(GistevalError, match="neither"):
        shape_of(tmp_path / "gpt2.csv")
