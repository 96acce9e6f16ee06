"""The card company as a SaaS partner: on a laptop, whoever may may put events on its bus."""

SOURCE = "aws.partner/example.com/card-company/disputes"
"""The name of its event source, and so of its bus."""
