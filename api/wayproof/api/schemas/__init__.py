"""The API's documents: what comes in, strictly checked, and what goes out, with examples."""
