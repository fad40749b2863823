"""The surfaces: command line, configuration and the wiring that builds the object graph by hand."""
