"""The console: a page in the browser over the same modules as the command.

Nothing of the command imports this package before `python -m ops console` runs.
"""
