"""Rows, and how they are read and split."""
