"""Trading on paper once more, over what was recorded."""
