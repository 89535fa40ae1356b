"""PostgreSQL: the only room that imports psycopg."""
