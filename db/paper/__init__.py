"""Tables of the paper engine and the doors to them."""
