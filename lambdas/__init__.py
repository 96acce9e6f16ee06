"""The function code: one package per service, the contracts they share, and thin AWS adapters."""
