"""AWS's delivery promises as rules: what is retried, when, what is split, what is dead-lettered.

Pure: no I/O, no thread, no clock that was not given. `emulator/patches` carries them out in the
emulator; a simulation could do so as well.
"""
