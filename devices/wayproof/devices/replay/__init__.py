"""Publishing files of readings, CSV or GPX, as the devices that made them would have."""
