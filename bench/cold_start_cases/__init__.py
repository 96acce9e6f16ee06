"""The handlers that the platform's functions are compared with, and the start of each."""
