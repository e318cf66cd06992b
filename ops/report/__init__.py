"""What `./farm` prints and the console serves, as documents: both say the same, because both ask here."""
