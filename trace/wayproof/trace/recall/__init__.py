"""Recalls: what is affected, where it is now, who holds it, and who has been told and has answered."""
