"""The console: web pages over the same modules as the command.

Only `python -m ops console` imports this package, when it runs.
"""
