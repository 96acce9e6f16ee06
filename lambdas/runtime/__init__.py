"""Thin adapters between AWS and the services' code."""

import gc

# Importing makes objects that stay, by the hundred thousand. To look through them for garbage again
# and again is a tenth of a cold start; requests leave little that only a collection frees.
gc.set_threshold(100_000)
