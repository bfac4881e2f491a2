"""The rows of a trainset: reading, typing, splitting."""
