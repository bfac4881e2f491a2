"""What changes a model's raw answer into the final one, at run time."""
