"""PostgreSQL: the only room that imports psycopg."""

import os

# Before numpy is imported: the threads of its linear algebra, which nothing here makes use of, block no signal.
# One sent to a process that waits for it in its own time would end the process in such a thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
