"""A simulator of an external card provider. The platform only calls it."""
