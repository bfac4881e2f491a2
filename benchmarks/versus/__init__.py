"""What `benchmarks/versus_dspy.py` is made of."""
