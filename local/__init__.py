"""The platform on a laptop: a local cloud on which the very app of a real account is deployed."""
