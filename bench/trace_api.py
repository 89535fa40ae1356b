"""What the API answers about the synthetic network: pages of traces and searches, spreadsheets, links."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from bench.network import crate, lot
from bench.report import Result, at_most, figure
from bench.services import running_api
from wayproof.store.settings import DatabaseSettings

_ROUNDS: Final = 5
_FINISHED: Final = 4
_LATE: Final = 2_000


def asked_of_api(settings: DatabaseSettings, folder: Path, token: str, *, raw: str, finished: int) -> list[Result]:
    """Answers about a raw lot, and about the finished lot of that number and its crates; all timed by the caller."""
    made, box = lot(_FINISHED, finished), crate(finished, 0)
    with running_api(settings, folder) as port:
        asked = _Asked(port, token)
        return [
            *_pages(asked, raw=raw, box=box),
            *_searches(asked, raw=raw, box=box),
            figure("linkset of a lot", asked.median_ms(f"{urlsplit(made).path}?linkType=linkset"), "ms"),
            *_spreadsheets(asked, "a finished lot", made),
            *_spreadsheets(asked, "a raw lot", raw),
        ]


class _Asked:
    """A client of the API."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=600)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> tuple[bytes, float]:
        """An answer, and the milliseconds that it took."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took_ms = 1000 * (time.perf_counter() - started)
        assert answer.status == 200, body
        return body, took_ms

    def median_ms(self, path: str) -> float:
        """The median of some rounds after one that is not counted."""
        return median([self.get(path)[1] for _ in range(_ROUNDS + 1)][1:])


def _pages(asked: _Asked, *, raw: str, box: str) -> list[Result]:
    first = f"/v1/trace?{urlencode({'item': raw, 'direction': 'downstream'})}"
    later, pages = _later_page(asked, first)
    return [
        at_most("API: first page of a trace downstream, gaps looked for", asked.median_ms(first), "ms", 100),
        figure(f"API: page {pages} of it", asked.median_ms(later), "ms"),
        at_most(
            "API: first page of a trace upstream, gaps looked for",
            asked.median_ms(f"/v1/trace?{urlencode({'item': box})}"),
            "ms",
            100,
        ),
    ]


def _later_page(asked: _Asked, path: str) -> tuple[str, int]:
    """The page that is so many things further on, read with pages as long as can be, or the last one."""
    long, pages = f"{path}&limit=200", 1
    while pages * 200 < _LATE and (cursor := json.loads(asked.get(long)[0])["next_cursor"]):
        long, pages = f"{path}&limit=200&cursor={quote(cursor)}", pages + 1
    return long, pages


def _searches(asked: _Asked, *, raw: str, box: str) -> list[Result]:
    questions: tuple[tuple[str, dict[str, str]], ...] = (
        ("MATCH_epc of a crate", {"MATCH_epc": box}),
        ("MATCH_anyEPCClass of a raw lot", {"MATCH_anyEPCClass": raw}),
        ("EQ_bizStep of a third of all", {"EQ_bizStep": "shipping"}),
        ("the same, newest first", {"EQ_bizStep": "shipping", "orderBy": "eventTime", "orderDirection": "DESC"}),
        ("no condition", {}),
    )
    return [
        figure(f"API: first page of events, {what}", asked.median_ms(f"/epcis/events?{urlencode(parameters)}"), "ms")
        for what, parameters in questions
    ]


def _spreadsheets(asked: _Asked, what: str, item: str) -> list[Result]:
    made = []
    for form in ("csv", "xlsx"):
        body, took_ms = asked.get(f"/v1/exports/fsma204?{urlencode({'id': item, 'format': form})}")
        if form == "csv":
            made.append(figure(f"API: FSMA spreadsheet of {what}", body.count(b"\n") - 1, "rows"))
        made.append(at_most(f"API: FSMA spreadsheet of {what}, {form}", took_ms, "ms", 5_000))
    return made
