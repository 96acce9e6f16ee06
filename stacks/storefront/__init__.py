"""The storefront stack, by what it declares: views, functions, projections and the routes."""

from stacks.storefront.stack import StorefrontStack

__all__ = ["StorefrontStack"]
