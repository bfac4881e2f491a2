"""Other words for the fields, the outcomes and the instructions of a prompt."""
