"""AWS's rules of delivery: what is retried and when, what is split, what is dead-lettered.

The rules are pure: no I/O, no threads, and the time is an argument. `emulator/patches` applies them
in the emulator, and the simulation under virtual time.
"""
