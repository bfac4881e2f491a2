"""Evaluation of programs by metrics."""
