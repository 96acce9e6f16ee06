"""Stand-ins for other companies' systems: no part of the platform but to be called."""
