"""The compiler, which turns a task into a frozen program; only this package imports dspy."""
