"""What services say to each other: one module per producing service, standard library only."""
