"""Pure values of the domain: no I/O, no clock, no other room."""
