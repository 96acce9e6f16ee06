"""A stand-in for a card provider outside: it has no part in the platform but to be called."""
