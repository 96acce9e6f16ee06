"""Dead letters: find, decode, show, redrive and delete them."""
