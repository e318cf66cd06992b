"""What ops/deploy.sh leaves to a release's own Python, and the command `tapefarm`: everything that needs settings, database or Redis."""
