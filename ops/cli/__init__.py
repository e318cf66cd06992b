"""The commands of ./farm, one file a topic; ops/__main__.py gathers them."""
