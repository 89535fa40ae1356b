"""Subscribers are told what named queries find anew: at least once, in the order of capture (EPCIS 2.0 §8.2.5)."""
