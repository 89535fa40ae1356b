"""EPCIS 2.0 documents: read, checked, translated. No database and no HTTP here.

A document is kept in its own words: `validate` says what is wrong with it, `context` what its prefixes mean, `formats` writes
it in other words, and `canonical` is the one form in which everything is indexed.
"""
