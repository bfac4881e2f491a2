"""Try programs on a page: three ways to ask, what decided each answer, and rows that are kept."""
