"""Stock models of a folder: their own weights, and one line where they can't be had."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import save_checkpoint
from gisteval.models.checkpoints.stock import load_stock


@pytest.fixture
def folder(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path / "own", tiny_network("llama"), tiny_tokenizer, GistRecord("own", "gist", 1))
    return tmp_path / "own"


def test_a_pickle_beside_safetensors_is_never_read(folder) -> None:
    own = load_file(folder / "model.safetensors")
    torch.save(
        {name: torch.zeros_like(weight) for name, weight in own.items()}, folder / "pytorch_model.bin"
    )
    found = load_stock(inspect_checkpoint(folder, allow_pickle=True), torch.float32).state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in own.items())
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(GistevalError, match=r"can't be loaded \(.*safetensors"):
        load_stock(inspect_checkpoint(folder, allow_pickle=True), torch.float32)


def test_a_tensor_that_is_missing_is_named(folder) -> None:
    own = load_file(folder / "model.safetensors")
    del own["model.layers.1.mlp.up_proj.weight"]
    save_file(own, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(GistevalError, match=r"lack 1 tensors \(model.layers.1.mlp.up_proj.weight, ...\)"):
        load_stock(inspect_checkpoint(folder), torch.float32)


def test_pickles_that_run_code_and_pickles_for_the_disk_are_refused(folder, tmp_path) -> None:
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (folder / "model.safetensors").unlink()
    torch.save({"extra": Hostile()}, folder / "pytorch_model.bin")
    checkpoint = inspect_checkpoint(folder, allow_pickle=True)
    with pytest.raises(GistevalError, match=r"its \.bin files hold more than tensors"):
        load_stock(checkpoint, torch.float32)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(GistevalError, match="only safetensors can stay on disk"):
        load_stock(checkpoint, torch.float32, {"": "disk"})
