"""The warehouse: its own picture of the stock, and the list of picked orders."""
