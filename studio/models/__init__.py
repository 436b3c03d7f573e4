"""What can be loaded, and how: the embedded model, devices, precision, attention."""
