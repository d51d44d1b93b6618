"""Labels on their way to a printer: asked for, begun, printed, each a fact, so that none is lost and none is printed twice unsaid."""
