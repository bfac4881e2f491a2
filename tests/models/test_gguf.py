"""The header of a GGUF file is read, and a damaged one as far as it goes."""

from pathlib import Path

import pytest

from cribsheet.models._gguf import read_metadata
from tiny_gguf import write_gguf

KEYS = {"block_count": 2, "rope.freq_base": 10000.0, "attention.head_count_kv": [0, 2]}


def test_numbers_texts_and_short_lists_are_read_but_no_vocabulary(tmp_path: Path) -> None:
    found = read_metadata(write_gguf(tmp_path / "x.gguf", "toy", KEYS))
    assert {key: value for key, value in found.items() if key.startswith("toy.")} == {
        f"toy.{key}": value for key, value in KEYS.items()
    }
    assert found["general.architecture"] == "toy"
    assert found["tokenizer.ggml.eos_token_id"] == 256
    assert "tokenizer.ggml.tokens" not in found


@pytest.mark.parametrize("size", [0, 3, 4, 10, 24, 30, 60, 90, 200, 1000])
def test_a_file_that_is_cut_off_tells_what_comes_before(tmp_path: Path, size: int) -> None:
    whole = write_gguf(tmp_path / "x.gguf", "toy", KEYS)
    all_of_it = read_metadata(whole)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole.read_bytes()[:size])
    assert all(all_of_it[key] == value for key, value in read_metadata(cut).items())


def test_bytes_that_are_no_header_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 8)
    assert read_metadata(tmp_path / "x.gguf") == {}
