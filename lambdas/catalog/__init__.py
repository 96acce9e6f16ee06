"""Catalog: what is for sale, under which name and at which prices."""
