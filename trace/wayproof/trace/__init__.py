"""EPCIS 2.0 events, the identifiers in them, and the graph that leads upstream and downstream."""
