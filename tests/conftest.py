"""What holds for all tests: an example of a property may take as long as the machine needs."""

from hypothesis import settings

settings.register_profile("orders", deadline=None)
settings.load_profile("orders")
