"""The assets of the graph, one file a stage."""
