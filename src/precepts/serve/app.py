"""The application: a page for each question, one form that writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from precepts.errors import InputError, PreceptsError
from precepts.serve.cases import CaseView, clause_of, policy_of, prompt_of, row_of, view_case
from precepts.serve.guard import Guard, GuardMiddleware
from precepts.serve.index import Index
from precepts.serve.library import Building, Library
from precepts.serve.overview import Overviews
from precepts.serve.pages import page
from precepts.serve.paired import paired, shared
from precepts.serve.people import Label, LabelBook
from precepts.serve.query import DIFFERS, FACETS, PAGE_ROWS, SEEN, Filter, beside, rows_of
from precepts.serve.tables import Table

_HERE = Path(__file__).parent
_LARGEST_FORM = 64 * 1024
_PARTS = ("prompt", "cot", "answer", "completion")


@dataclass
class Desk:
    """What the pages work with."""

    library: Library
    labels: Path
    rater: str
    guard: Guard
    overviews: Overviews = field(default_factory=Overviews)
    books: dict[str, LabelBook] = field(default_factory=dict[str, LabelBook])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def book(self, table: Table) -> LabelBook:
        """The labels of a table."""
        with self.lock:
            return self.books.setdefault(table.id, LabelBook(self.labels, table))

    def render(self, name: str, *, status: int = 200, refresh: int = 0, **values: object) -> Response:
        """A page with what every page shows."""
        return HTMLResponse(page(name, token=self.guard.token, rater=self.rater, refresh=refresh, **values), status)


def make_app(library: Library, *, labels: Path, rater: str, guard: Guard) -> Starlette:
    """The application.

    Args:
        library: The runs.
        labels: Where labels are written.
        rater: Who labels.
        guard: Which requests are answered.
    """
    desk = Desk(library, labels, rater, guard)

    def route(path: str, answer: Callable[[Desk, Request], Response]) -> Route:
        def endpoint(request: Request) -> Response:
            return answer(desk, request)

        return Route(path, endpoint, methods=["GET"])

    async def label(request: Request) -> Response:
        form = await _form(request)
        return await run_in_threadpool(_label, desk, form)

    def refused(_: Request, error: Exception) -> Response:
        return desk.render("message.html.j2", status=404 if isinstance(error, InputError) else 500, text=str(error))

    routes = [
        route("/", _runs), route("/cases", _cases), route("/case", _case), route("/compare", _compare), route("/text", _text),
        Route("/label", label, methods=["POST"]), Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]  # fmt: skip
    return Starlette(
        routes=routes,
        middleware=[Middleware(GuardMiddleware, guard=guard)],
        exception_handlers={PreceptsError: refused, InputError: refused},
    )


def _runs(desk: Desk, request: Request) -> Response:
    wanted = request.query_params.get("q", "")[:200]
    runs = [
        run for run in desk.library.runs() if wanted.casefold() in f"{run.name} {run.model} {run.command}".casefold()
    ]
    return desk.render(
        "runs.html.j2", runs=[desk.overviews.of(run) for run in runs], q=wanted, root=str(desk.library.root)
    )


def _cases(desk: Desk, request: Request) -> Response:
    table, index = _opened(desk, request, "t")
    if isinstance(index, Building):
        return _wait(desk, table, index)
    wanted, number = Filter.of(request.query_params), _count(request, "page", 1)
    rows = rows_of(index, wanted, desk.book(table).people(), page=number)
    listed = [(row, prompt_of(table, row)) for row in rows.page.to_dicts()]
    pages = max(1, -(-rows.total // PAGE_ROWS))
    return desk.render(
        "cases.html.j2", table=table, wanted=wanted, rows=rows, listed=listed, page=min(number, pages), pages=pages, facets=FACETS,
        differs=DIFFERS, seen=SEEN, all=index.cases.height, book=desk.book(table),
    )  # fmt: skip


def _case(desk: Desk, request: Request) -> Response:
    table, index = _opened(desk, request, "t")
    if isinstance(index, Building):
        return _wait(desk, table, index)
    wanted, row, book = Filter.of(request.query_params), _count(request, "row", 0), desk.book(table)
    if request.query_params.get("start"):
        first = rows_of(index, wanted, book.people(), page=1).page["row"]
        row = int(first[0]) if len(first) else row
    case = view_case(table, index, row, policy=policy_of(_run_path(desk, table)))
    other = _other(desk, request.query_params.get("b", ""), case)
    before, after, place, total = beside(index, wanted, book.people(), row)
    folder = next(run for run in desk.library.runs() if run.name == table.run)
    return desk.render(
        "case.html.j2", table=table, wanted=wanted, case=case, other=other, before=before, after=after, place=place, total=total,
        said=book.of(case.case_id), siblings=[one for one in folder.tables if one.set == table.set and one.id != table.id],
        b=request.query_params.get("b", ""), blind=request.query_params.get("blind", ""),
        saved=request.query_params.get("saved", ""), last=request.query_params.get("last", ""),
    )  # fmt: skip


def _compare(desk: Desk, request: Request) -> Response:
    a, index_a = _opened(desk, request, "a")
    b, index_b = _opened(desk, request, "b")
    for table, index in ((a, index_a), (b, index_b)):
        if isinstance(index, Building):
            return _wait(desk, table, index)
    assert isinstance(index_a, Index), "it was waited for"
    assert isinstance(index_b, Index), "it was waited for"
    if not shared(index_a, index_b):
        raise InputError(f"{a.id} and {b.id} share no case, so there is nothing to pair. Choose two tables of one set.")
    found = paired(a, index_a, b, index_b)
    rows = {name: row_of(index_b, name) for name in (*found.overall.worse[:200], *found.overall.better[:200])}
    policy = policy_of(_run_path(desk, b)) or policy_of(_run_path(desk, a))
    texts = {one.part: clause.text for one in found.clauses if (clause := clause_of(policy, one.part)) is not None}
    return desk.render("compare.html.j2", a=a, b=b, found=found, rows=rows, texts=texts)


def _text(desk: Desk, request: Request) -> Response:
    """A text of a case, whole and byte by byte, as a file to be saved."""
    table, index = _opened(desk, request, "t")
    if isinstance(index, Building):
        return _wait(desk, table, index)
    part = request.query_params.get("part", "")
    if part not in _PARTS:
        raise InputError(f"A part is one of {', '.join(_PARTS)}.")
    case = view_case(table, index, _count(request, "row", 0), policy=None)
    texts = {
        "prompt": case.prompt,
        "cot": case.cot,
        "answer": case.answer,
        "completion": json.dumps(dict(case.completion), indent=1),
    }
    data = (texts[part] or "").encode("utf-8", "surrogatepass")
    headers = {"Content-Disposition": f'attachment; filename="{part}-{case.row}.txt"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _label(desk: Desk, form: dict[str, str]) -> Response:
    if not desk.guard.holds(form.get("token", "")):
        return desk.render(
            "message.html.j2",
            status=403,
            text="This form is of an earlier start of the server. Go back, reload the page, label again.",
        )
    table = desk.library.table(form.get("t", ""))
    index = desk.library.index(table, wait=True)
    assert isinstance(index, Index), "it was waited for"
    try:
        row = int(form.get("row", ""))
    except ValueError:
        raise InputError("A label names its row.") from None
    case, wanted, book = view_case(table, index, row, policy=None), Filter.of(form), desk.book(table)
    _, after, _, _ = beside(index, wanted, book.people(), row)
    blind = form.get("blind", "")
    fields = {
        "case_id": case.case_id, "completion": str(case.completion.get("key") or ""), "prompt": case.prompt, "answer": case.answer or "",
        "category": case.known["category"], "clause": case.known["clause"], "asked": case.known["asked"], "did": case.known["did"],
    }  # fmt: skip
    label = Label(form.get("said_did", ""), form.get("said_kept", ""), form.get("note", ""), bool(blind))
    book.add(fields, label, rater=desk.rater)
    onward = {
        "t": table.id,
        "row": after if after is not None else row,
        "blind": blind,
        "b": form.get("b", ""),
        "saved": case.case_id[:200],
    }
    if after is None:
        onward["last"] = "1"
    return RedirectResponse(
        f"/case?{urlencode({k: v for k, v in {**wanted.given(), **onward}.items() if v != ''}, errors='replace')}", 303
    )


async def _form(request: Request) -> dict[str, str]:
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _LARGEST_FORM:
                raise InputError("A label takes at most 64 KiB.")
    except ClientDisconnect:
        raise InputError("The label was not sent whole.") from None
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        raise InputError("That is not the form of a label.") from None


def _opened(desk: Desk, request: Request, name: str) -> tuple[Table, Index | Building]:
    table = desk.library.table(request.query_params.get(name, ""))
    return table, desk.library.index(table)


def _other(desk: Desk, name: str, case: CaseView) -> CaseView | None:
    """The same case in the other table, if it is there and indexed."""
    if not name:
        return None
    table = desk.library.table(name)
    index = desk.library.index(table, wait=True)
    assert isinstance(index, Index), "it was waited for"
    row = row_of(index, str(case.known["case_id"]))
    return None if row is None else view_case(table, index, row, policy=policy_of(_run_path(desk, table)))


def _run_path(desk: Desk, table: Table) -> Path:
    return desk.library.run(table.run).path


def _wait(desk: Desk, table: Table, building: Building) -> Response:
    if building.error:
        raise InputError(f"{table.id} cannot be read: {building.error}")
    share = round(100 * building.done / max(1, building.total))
    return desk.render("wait.html.j2", status=202, refresh=1, table=table, share=min(share, 99), size=building.total)


def _count(request: Request, name: str, default: int) -> int:
    word = request.query_params.get(name, "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else default
