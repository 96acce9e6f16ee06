"""Takes payments and gives them back, and keeps a double-entry ledger of both."""
