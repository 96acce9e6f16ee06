"""Orders: takes orders, owns their state, tells the others."""
