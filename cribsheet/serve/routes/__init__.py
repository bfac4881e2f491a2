"""The endpoints of a server."""
