"""Frame contracts: pandera models of every table, versioned, one file a stage."""
