"""What an exported Python module has beside the runtime: plain records, a client, a command line.

It needs the standard library and the runtime alone, and is bundled with it: see `cribsheet.export.bundling`.
"""
