"""Models behind one seam, chosen by the prefix of their name."""

from cribsheet.models._base import Completion, Model, Sampling, Usage

__all__ = ["Completion", "Model", "Sampling", "Usage"]
