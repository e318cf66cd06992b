"""What the farm can do, measured: one file a stage, all figures of a run on the same machine in the same hour."""
