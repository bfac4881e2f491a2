"""The settings of a server."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PORT = 8377
"""The port that the server listens on if none is given."""


class Options(BaseModel):
    """The settings of a server; the defaults are those of `cribsheet serve`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen on; the default is reachable from this machine only."""
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    keys: tuple[str, ...] = Field(default=(), repr=False)
    """The bearer keys that may ask; empty lets everyone ask."""
    max_bytes: int = Field(default=1 << 20, ge=1)
    """The most bytes of a request's body."""
    timeout: float = Field(default=120.0, gt=0)
    """The most seconds to read a request's body, and the most to answer one row, waiting included."""
    parallel: int | None = Field(default=None, ge=1)
    """How many rows a model answers at once; None takes what suits the model."""
    queue: int = Field(default=64, ge=0)
    """How many requests may wait for each model; further ones are refused."""
    grace: float = Field(default=30.0, ge=0)
    """The most seconds that a stopping server waits for requests in progress."""
    log_inputs: bool = False
    """Whether the log shows what was asked and answered."""
    keep: Path | None = None
    """The file that calls are appended to; None keeps nothing."""
    keep_bytes: int = Field(default=100 << 20, ge=1)
    """The size at which the file of kept calls is renamed and a new one begun."""
    redact: str | None = None
    """The function `module:name` that changes a call before it is kept, or drops it."""
