"""The graph of lots, things and containers: derived from the journal alone, and always derivable again."""
