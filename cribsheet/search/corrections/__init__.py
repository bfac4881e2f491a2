"""Fitting of corrections, under the names of their run-time halves."""
