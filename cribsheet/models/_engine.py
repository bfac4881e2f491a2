"""Start llama.cpp in this process."""

from pathlib import Path
from typing import Any

from cribsheet.errors import MissingExtraError, WeightsError
from cribsheet.models import weights
from cribsheet.models._memory import PREFIX_CACHE_MIB, Memory
from cribsheet.models.cores import limit_spinning

BATCH = 512
"""Tokens that are read at once."""
_HELD_BACK = 4
"""Tokens that end a prompt, and are read apart if the engine keeps its state before them."""


def start(file: Path, *, context_window: int, threads: int | None) -> Any:
    """Return an engine that has loaded a GGUF file.

    Raises:
        MissingExtraError: xllamacpp is not installed.
        WeightsError: the engine cannot load the file.
    """
    weights.check_is_gguf(file)
    limit_spinning()
    try:
        import xllamacpp as xlc  # only here: a run that the cache answers needs no engine
    except ImportError as error:
        raise MissingExtraError(
            "Embedded models need the package xllamacpp, which cannot be imported. "
            'Run `pip install "cribsheet[embedded]"`.'
        ) from error
    try:
        return xlc.Server(_parameters(xlc, file, context_window=context_window, threads=threads))
    except RuntimeError as error:
        raise WeightsError(
            f"The engine cannot load {file} ({error}). The file may be damaged, or of an architecture that is "
            "newer than the engine: fetch it again, or run `pip install --upgrade xllamacpp`."
        ) from error


def ends_alone(tokens: int, *, goes_back: bool) -> bool:
    """Tell whether of so many tokens that are read, some one is read alone.

    An engine that cannot go back in what it has read keeps its state shortly before the end, so it stops there.
    """
    held_back = 0 if goes_back else _HELD_BACK
    return tokens == 1 or (tokens > held_back and (tokens - held_back) % BATCH == 1)


def _parameters(xlc: Any, file: Path, *, context_window: int, threads: int | None) -> Any:
    parameters = xlc.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx = context_window
    # Several slots share one batch, whose shape then moves log-probabilities by up to 0.3 nats; nor are
    # they faster on a CPU.
    parameters.n_parallel = 1
    parameters.n_ubatch = BATCH
    # These make log-probabilities the same to the bit, whatever part of the prompt the prefix cache held.
    # With flash attention, or with keys and values in 16 bits, some move by 0.1 nats.
    parameters.flash_attn_type = xlc.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.cache_type_k = parameters.cache_type_v = xlc.ggml_type.GGML_TYPE_F32
    # The slot remembers one prompt. This keeps older ones, bit-identical too: some 5,700 tokens of
    # SmolLM2-135M. Two prompts of 390 tokens that take turns ran 6 times faster so.
    parameters.cache_ram_mib = PREFIX_CACHE_MIB
    # With nothing but the tokens of its windows, llama.cpp reads prompts that begin alike from their start.
    parameters.swa_full = Memory.of(file).fits_whole(context_window)
    parameters.ctx_shift = False  # it would drop the start of a long prompt without a word
    parameters.warmup = False  # it costs as much as it saves the first completion
    parameters.verbosity = -1  # nothing on stderr
    parameters.endpoint_slots = False  # it shows the prompts to every user of the machine
    if threads is not None:
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return parameters
