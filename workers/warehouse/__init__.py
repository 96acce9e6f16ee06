"""The warehouse: what is on its shelves, and which orders were picked from them."""
