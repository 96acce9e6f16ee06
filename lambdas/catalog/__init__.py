"""Catalog: the products for sale, with their names and their offers."""
