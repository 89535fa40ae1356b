"""A customer who asks for a device's latest all the time, of an API that nobody hurts."""

import http.client
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from faults.story import FLEET
from ports import wait_for_listener

_PAUSE_S: Final = 0.05
_TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request came to; status 0 where no answer came."""

    begun_s: float
    ended_s: float
    status: int


@dataclass(kw_only=True)
class Reader:
    """The API's process, and the thread that asks."""

    environment: dict[str, str]
    port: int
    log: Path
    token: str = ""
    answers: list[Answer] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _thread: threading.Thread | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _answered: threading.Condition = field(default_factory=threading.Condition)

    def start(self, token: str) -> None:
        """Starts both; the key `token` may read devices."""
        self.token = token
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wayproof.api"], env=os.environ | self.environment, stdout=log, stderr=log
            )
        wait_for_listener(self._process, self.port)
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def stop(self) -> None:
        """Ends both."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    def since(self, begun_s: float) -> list[Answer]:
        """The answers to what was asked since."""
        return [answer for answer in self.answers if answer.begun_s >= begun_s]

    def wait_for_answer(self, since_s: float, bound_s: float) -> float:
        """Seconds from `since_s` until the first request that was sent after it and is answered with 200."""
        with self._answered:
            is_there = self._answered.wait_for(lambda: self._served(since_s), bound_s)
            assert is_there, f"no reads {bound_s} s after everything was healed: {self.answers[-3:]}"
            return self._served(since_s)[0].ended_s - since_s

    def _served(self, since_s: float) -> list[Answer]:
        return [answer for answer in self.since(since_s) if answer.status == HTTPStatus.OK]

    def _run(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            begun_s = time.monotonic()
            status = self._ask()
            answer = Answer(begun_s=begun_s, ended_s=time.monotonic(), status=status)
            with self._answered:
                self.answers.append(answer)
                self._answered.notify_all()

    def _ask(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            connection.request("GET", f"/v1/devices/{FLEET[0]}/state", headers=headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
