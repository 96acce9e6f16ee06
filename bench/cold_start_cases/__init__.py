"""What the platform's functions are compared with: other handlers, and how each is started."""
