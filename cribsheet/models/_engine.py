"""Start a llama.cpp engine in this process."""

from pathlib import Path
from typing import Any

from cribsheet.errors import MissingExtraError, WeightsError
from cribsheet.models import weights
from cribsheet.models._memory import PREFIX_CACHE_MIB, Memory
from cribsheet.models.cores import limit_spinning

BATCH = 512
"""The number of prompt tokens that the engine reads in one batch."""
_HELD_BACK = 4
"""The number of tokens at a prompt's end that form a batch of their own, if the engine saves its state before them."""


def start(file: Path, *, context_window: int, threads: int | None) -> Any:
    """Return an engine that has loaded a GGUF file.

    Raises:
        MissingExtraError: xllamacpp is not installed.
        WeightsError: the engine cannot load the file.
    """
    weights.check_is_gguf(file)
    limit_spinning()
    try:
        import xllamacpp as xlc  # imported here because a run that the cache answers needs no engine
    except ImportError as error:
        raise MissingExtraError(
            "Embedded models need the package xllamacpp, which cannot be imported. "
            'Run `pip install "cribsheet[embedded]"`.'
        ) from error
    try:
        engine = xlc.Server(_parameters(xlc, file, context_window=context_window, threads=threads))
    except RuntimeError as error:
        raise WeightsError(
            f"The engine cannot load {file} ({error}). The file may be damaged, or its architecture may be newer than "
            "the engine. Download the file again, or run `pip install --upgrade xllamacpp`."
        ) from error
    engine.handle_metrics()  # waits until its loop runs: an engine that is freed before that waits for it forever
    return engine


def ends_alone(tokens: int, *, goes_back: bool) -> bool:
    """Return whether reading this many tokens leaves one token in a batch of its own.

    `goes_back` says whether the engine can continue from any token that it has read. An engine that cannot, saves its
    state shortly before the prompt's end, so a batch ends there too.
    """
    held_back = 0 if goes_back else _HELD_BACK
    return tokens == 1 or (tokens > held_back and (tokens - held_back) % BATCH == 1)


def _parameters(xlc: Any, file: Path, *, context_window: int, threads: int | None) -> Any:
    parameters = xlc.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx = context_window
    # Several slots would share one batch, and the batch's shape changes log-probabilities by up to 0.3 nats.
    # On a CPU they are no faster anyway.
    parameters.n_parallel = 1
    parameters.n_ubatch = BATCH
    # These settings make log-probabilities bit-identical, no matter how much of the prompt the prefix cache held.
    # With flash attention, or with 16-bit keys and values, some change by 0.1 nats.
    parameters.flash_attn_type = xlc.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.cache_type_k = parameters.cache_type_v = xlc.ggml_type.GGML_TYPE_F32
    # The slot holds one prompt. This cache keeps older ones too, bit-identical: about 5,700 tokens of
    # SmolLM2-135M. It made two prompts of 390 tokens that take turns run 6 times faster.
    parameters.cache_ram_mib = PREFIX_CACHE_MIB
    # If a layer keeps only its sliding window, llama.cpp cannot reuse a shared prefix and reads every prompt whole.
    parameters.swa_full = Memory.of(file).fits_whole(context_window)
    parameters.ctx_shift = False  # it would silently drop the start of a long prompt
    parameters.warmup = False  # it takes as long as it saves the first completion
    parameters.verbosity = -1  # print nothing on stderr
    parameters.endpoint_slots = False  # this endpoint would show the prompts to every user of the machine
    parameters.endpoint_metrics = True  # counts alone; see `start`
    if threads is not None:
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return parameters
