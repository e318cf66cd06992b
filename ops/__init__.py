"""What runs and watches the farm: the commands of ./farm, the embedded servers, the console."""
