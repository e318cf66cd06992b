"""The farm as a page, as JSON and as metrics: it reads what the others keep, and changes nothing."""
