"""What a machine and its surroundings have to be like for a farm, looked at one by one; nothing is changed, and a farm need not run."""
