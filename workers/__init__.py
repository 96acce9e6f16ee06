"""Long-running programs: a package for each service, and the runtime that they share."""
