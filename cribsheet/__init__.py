"""Compiles typed tasks into frozen few-shot prompts."""
