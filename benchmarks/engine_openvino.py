"""OpenVINO's reading of a GGUF file, with the checkpoint's float32 weights in place of its matrices.

    build/engines/openvino/bin/python benchmarks/engine_openvino.py GGUF SAFETENSORS FOLDER

OpenVINO reads Q4_1 with zero points rounded to whole numbers, which moves weights, and it reads no float32
file. So the graph is what it makes of the GGUF file, and each matrix in it becomes the nearest one of the
safetensors.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import openvino
import openvino_genai
from openvino import opset13
from safetensors.numpy import load_file


def main(gguf: str, safetensors: str, folder: str) -> None:
    """Write openvino_model.xml with its tokenizers into the folder. Exits if a matrix finds no partner."""
    scratch = Path(folder).with_name(f"{Path(folder).name}-quantised")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    shutil.copy(gguf, scratch)
    openvino_genai.LLMPipeline(scratch / Path(gguf).name, "CPU", enable_save_ov_model=True)
    core = openvino.Core()
    model = core.read_model(scratch / "openvino_model.xml")
    weights = load_file(safetensors)
    matrices = {name: values for name, values in weights.items() if values.ndim == 2}
    used: dict[str, openvino.Output] = {}
    for node in model.get_ordered_ops():
        place = {"MatMul": 1, "Gather": 0}.get(node.get_type_name())
        if place is None or not is_constant(source := node.input(place).get_source_output()):
            continue
        if len(source.get_shape()) != 2 or source.get_shape()[0] < 2:
            continue
        name = nearest(value(core, source), matrices)
        if name not in used:
            used[name] = opset13.constant(matrices[name].astype(np.float32)).output(0)
        node.input(place).replace_source_output(used[name])
    if missing := matrices.keys() - used.keys():
        sys.exit(f"the graph has no place for {', '.join(sorted(missing))}")
    model.validate_nodes_and_infer_types()
    target = scratch.with_name(f"{Path(folder).name}-new")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    openvino.save_model(model, target / "openvino_model.xml", compress_to_fp16=False)
    for file in scratch.glob("*tokenizer*"):
        shutil.copy(file, target)
    shutil.rmtree(scratch)
    target.rename(folder)  # whole or not at all


def is_constant(output: openvino.Output) -> bool:
    """Whether nothing that changes goes into a value."""
    node = output.get_node()
    if node.get_type_name() in ("Parameter", "ReadValue"):
        return False
    return all(is_constant(one.get_source_output()) for one in node.inputs())


def value(core: openvino.Core, output: openvino.Output) -> np.ndarray:
    part = openvino.Model([output], [], "part")
    compiled = core.compile_model(part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled([])[0])


def nearest(values: np.ndarray, matrices: dict[str, np.ndarray]) -> str:
    """The matrix of this shape from which the values differ least; by less than a fifth of its spread."""
    same = {name: matrix for name, matrix in matrices.items() if matrix.shape == values.shape}
    distances = {name: float(np.abs(matrix - values).mean()) for name, matrix in same.items()}
    name = min(distances, key=lambda one: distances[one], default="")
    if not name or distances[name] > 0.2 * float(matrices[name].std()):
        sys.exit(f"a matrix of {values.shape} in the graph is like none of the checkpoint")
    return name


if __name__ == "__main__":
    main(*sys.argv[1:])
