"""The modules of `benchmarks/versus_dspy.py`."""
