"""Views: rebuild and compare them."""
