"""The storefront stack: views, functions, projections and routes; one module for each."""

from stacks.storefront.stack import StorefrontStack

__all__ = ["StorefrontStack"]
