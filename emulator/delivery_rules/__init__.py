"""AWS's delivery promises as rules: what is tried again, when, what is split, what is parked.

Pure: no I/O, no thread, no clock that was not given. `emulator/patches` carries them out in the
emulator; a simulation could do so as well.
"""
