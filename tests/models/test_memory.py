"""What an engine keeps of its prompts is told from the model's kind, not from its name."""

from pathlib import Path

import pytest

from cribsheet.models._memory import PREFIX_CACHE_MIB, Memory
from tiny_gguf import tiny_gguf, write_gguf

SIZES = {"block_count": 18, "embedding_length": 640, "attention.head_count": 4, "attention.head_count_kv": 1}
GEMMA = {**SIZES, "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 512}
BYTES = 18 * (256 + 256) * 4


def memory_of(folder: Path, keys: dict[str, object]) -> Memory:
    return Memory.of(write_gguf(folder / "x.gguf", "toy", keys))  # type: ignore[arg-type]


def test_keys_and_values_of_all_layers_are_counted_in_32_bits(tmp_path: Path) -> None:
    assert memory_of(tmp_path, GEMMA).bytes_per_token == BYTES
    assert memory_of(tmp_path, SIZES).bytes_per_token == 18 * (160 + 160) * 4
    mixed = {**GEMMA, "attention.head_count_kv": [0, 2, 0, 2]}
    assert memory_of(tmp_path, mixed).bytes_per_token == 4 * (256 + 256) * 4


def test_as_many_tokens_are_kept_as_the_memory_holds(tmp_path: Path) -> None:
    assert memory_of(tmp_path, GEMMA).prefix_tokens(4096) == PREFIX_CACHE_MIB * 2**20 // BYTES


@pytest.mark.parametrize("window", [512, 1024, 4096])
def test_windows_are_kept_whole_unless_they_take_too_much_memory(tmp_path: Path, window: int) -> None:
    memory = memory_of(tmp_path, {**GEMMA, "attention.sliding_window": window})
    assert memory.fits_whole(4096)
    assert memory.prefix_tokens(4096)
    assert not memory.fits_whole(1_000_000)
    assert memory.prefix_tokens(1_000_000) is None


def test_a_long_context_without_sliding_windows_is_kept_however_large(tmp_path: Path) -> None:
    assert memory_of(tmp_path, SIZES).prefix_tokens(1_000_000)


@pytest.mark.parametrize(
    "key",
    [
        "ssm.state_size",  # Mamba, Jamba, Falcon-H1, Granite 4 hybrids, Qwen3-Next, Qwen3.5
        "wkv.head_size",  # RWKV
        "shortconv.l_cache",  # LFM2
        "kda.head_dim",  # Kimi Linear
        "full_attention_interval",
        "attention.recurrent_layers",
    ],
)
def test_a_state_that_cannot_go_back_is_known_by_its_keys(tmp_path: Path, key: str) -> None:
    assert memory_of(tmp_path, {**SIZES, key: 4}).prefix_tokens(4096) is None


def test_nothing_is_claimed_of_a_file_that_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    assert Memory.of(tmp_path / "x.gguf").prefix_tokens(4096) is None
    assert Memory.of(tmp_path / "x.gguf").fits_whole(4096)


@pytest.mark.parametrize(("kind", "goes_back"), [("attention", 1), ("windows", 1), ("recurrent", 0), ("hybrid", 0)])
def test_each_kind_of_model_is_told_from_its_file(tmp_path: Path, kind: str, goes_back: int) -> None:
    assert bool(Memory.of(tiny_gguf(kind, tmp_path / "x.gguf")).prefix_tokens(4096)) == bool(goes_back)
