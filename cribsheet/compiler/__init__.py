"""From a task to a frozen program; the only part that imports dspy."""
