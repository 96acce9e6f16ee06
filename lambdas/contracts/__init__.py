"""The contracts between services: one module per producing service, standard library only."""
