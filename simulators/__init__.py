"""Stand-ins for other companies' systems. The platform calls them, and shares nothing with them."""
