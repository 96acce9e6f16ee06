"""The infrastructure: one stack per service, and components with a role of their own."""
