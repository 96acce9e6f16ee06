"""What the operator's command does with an order's trace, collected from every service."""
