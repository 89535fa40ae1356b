"""Named SQL queries out of the `.sql` file beside a module.

A query is headed by `-- name: what it does`; Python never glues SQL.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, LiteralString, cast

_HEADER: Final = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): .+\n", re.MULTILINE)


def load(aggregate: str, package: str = "wayproof.store") -> Mapping[str, LiteralString]:
    """The queries of `<aggregate>.sql` in `package`, by name. Fails at import time on a file without any."""
    text = files(package).joinpath(f"{aggregate}.sql").read_text(encoding="utf-8")
    names = [match["name"] for match in _HEADER.finditer(text)]
    bodies = _HEADER.split(text)[2::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{aggregate}.sql: expected queries with distinct names, got {names}")
    # The files ship with the package, so they are as literal as code.
    return cast("dict[str, LiteralString]", {n: b.strip() for n, b in zip(names, bodies, strict=True)})
