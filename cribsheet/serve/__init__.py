"""Answer with compiled programs over HTTP."""
