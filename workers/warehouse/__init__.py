"""The warehouse: its own copy of the stock levels, and the list of picked orders."""
