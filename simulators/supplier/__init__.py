"""A simulator of a supplier. The platform only sends it purchase orders."""
