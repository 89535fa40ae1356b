"""Requests that no route takes, answered in the words of where they were meant for."""

from fastapi import Request, Response

from wayproof.api import epcis, problems
from wayproof.api.problems import MALFORMED, problem
from wayproof.trace.resolver import misunderstood


def answer(request: Request, error: Exception) -> Response:
    """The answer for a path that is not there, or for a method that it does not know."""
    if request.url.path.startswith(f"{epcis.PREFIX}/"):
        return epcis.answer(request, error)
    said = misunderstood(request.url.path)
    if said is None:
        return problems.answer(request, error)
    refused = problem(MALFORMED, said)
    refused.headers["Access-Control-Allow-Origin"] = "*"
    return refused
