"""Payments: takes and refunds payments, and keeps a double-entry ledger of both."""
