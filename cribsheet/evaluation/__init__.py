"""Metrics, and scores with intervals."""
