"""The HTTP API of the AUTOMATIC1111 web UI, for the programs that already speak to that."""
