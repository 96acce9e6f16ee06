"""Takes payments and gives them back, keeps a double-entry ledger of both, and tells of it."""
