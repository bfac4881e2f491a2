"""Demonstrations from the runs of a teacher."""
