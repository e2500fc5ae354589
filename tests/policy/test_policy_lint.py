import json

import pytest

from precepts.errors import InputError, MissingError
from precepts.policy import brief, lint, load_policy, starter_path, starter_policy
from precepts.types import Case


def _lint(path, cases=None):
    return lint(load_policy(path), path, cases)


def test_the_small_and_the_starter_policy_are_clean(files):
    assert _lint(files.changed()) == []
    assert lint(starter_policy(), starter_path()) == []


# Each row: what is changed, the level, the code, the sign of the line, a part of the message.
BAD = {
    "no reason": (("reason: It is their own.", 'reason: ""'), "error", "reason-missing", 'reason: ""', "clause R2"),
    "no summary": (
        ("summary: Plants are talked about freely.", 'summary: ""'),
        "error",
        "summary-missing",
        'summary: ""',
        "garden",
    ),
    "no clauses": (
        ("  - id: garden", "  - {id: empty, title: E, summary: F, clauses: []}\n  - id: garden"),
        "error",
        "category-empty",
        "id: empty",
        "empty",
    ),
    "same title": (
        ("title: Gardens", "title: rooms  and DOORS"),
        "error",
        "category-same-title",
        "title: rooms",
        "rooms and garden",
    ),
    "same summary": (
        ("Plants are talked about freely.", "Other people's doors stay shut; one's own are opened"),
        "error",
        "category-same-summary",
        "    summary: Other people's doors stay shut; one's own are opened\n",
        "same summary",
    ),
    "same id but for case": (("id: garden", "id: Rooms"), "error", "category-same-id", "id: Rooms", "same id"),
    "unused term": (("door: What", "window: What"), "warning", "term-unused", "window:", "'window'"),
    "unused term of a category": (
        ("plant: Anything", "tree: Anything"),
        "warning",
        "term-unused",
        "tree:",
        "category garden",
    ),
    "no style": (("  refuse: Say no kindly.\n", ""), "error", "style-missing", "styles:", "styles.refuse"),
    "keeps and breaks": (
        ('["Push here."]', "[\"I'm SORRY,  I can't open it\"]"),
        "error",
        "example-contradicts",
        "breaks:",
        "keeps and breaks clause R1",
    ),
    "kept under two kinds": (
        ("reason: It is their own.", "reason: It is.\n        examples: {keeps: [\"I'm sorry, I can't open it\"]}"),
        "error",
        "example-contradicts",
        "examples: {",
        "R1 (refuse) and clause R2 (comply)",
    ),
    "alike": (
        ("Requests to get into one's own home.", "Requests to open the doors of somebody else."),
        "warning",
        "clauses-alike",
        "doors of",
        "R1 (refuse) and R2 (comply)",
    ),
    "circle": (
        ("reason: It is their own.", "reason: It is.\n        exceptions: [R1]"),
        "error",
        "exceptions-circle",
        "exceptions: [R1]",
        "clause R2 wins over",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_hole_is_a_finding_with_file_and_line(name, files):
    change, level, code, sign, what = BAD[name]
    path = files.changed(change)
    found = [finding for finding in _lint(path) if finding.code == code]
    line = files.line_of(sign)
    assert [(f.level, f.path, f.line) for f in found if what in f.message] == [(level, str(path), line)], found
    assert str(found[-1]).startswith(f"{path}:{found[-1].line}: {level}: ")


def test_a_term_is_used_in_the_plural_but_not_inside_another_word(files):
    assert _lint(files.changed(("one's own home", "one's own doors"))) == []
    found = _lint(files.changed(("door: What", "oo: What")))
    assert [finding.code for finding in found] == ["term-unused"]


def test_clauses_of_one_kind_may_read_alike(files):
    path = files.changed(
        ("kind: refuse", "kind: comply"), ("get into one's own home.", "open the doors of somebody else.")
    )
    assert "clauses-alike" not in {finding.code for finding in _lint(path)}


def _cases(tmp_path, *rows):
    path = tmp_path / "cases.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_cases_that_do_not_fit_are_findings_with_file_and_line(files, tmp_path):
    cases = _cases(
        tmp_path,
        {"prompt": "a", "category": "rooms", "clauses": ["R1"], "disposition": "refuse"},
        "",
        {"prompt": "b", "clauses": ["R1", "R22"]},
        {"prompt": "c", "category": "room"},
        {"prompt": "d", "clauses": ["R2"], "disposition": "refuse"},
        {"prompt": "e", "category": "garden", "clauses": ["R2"]},
        "{broken",
        {"prompt": "f", "claws": ["R2"]},
        "[1]",
        {"prompt": "\ud800"},
    )
    path = files.changed()
    found = _lint(path, cases)
    assert [(f.level, f.code, f.line) for f in found if f.path == str(cases)] == [
        ("error", "case-unknown-clause", 3),
        ("error", "case-unknown-category", 4),
        ("warning", "case-contradicts", 5),
        ("warning", "case-other-category", 6),
        ("error", "case-invalid", 7),
        ("error", "case-invalid", 8),
        ("error", "case-invalid", 9),
        ("error", "case-invalid", 10),
    ]
    text = "\n".join(map(str, found))
    assert "did you mean `R2`?" in text
    assert "did you mean `rooms`?" in text
    assert "expects refuse, but clause R2 asks for comply" in text
    assert "claws" in text
    text.encode()


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_a_case_is_a_mistake_and_not_a_list_of_warnings(files, tmp_path, text):
    path = tmp_path / "cases.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"cases\.jsonl: holds no case\. Write one JSON object a line"):
        _lint(files.changed(), path)


def test_a_clause_without_cases_is_named_where_it_stands(files, tmp_path):
    cases = _cases(tmp_path, {"prompt": "a", "clauses": ["R1", "R2"]})
    path = files.changed()
    assert [(f.level, f.code, f.path, f.line) for f in _lint(path, cases)] == [
        ("warning", "clause-without-cases", str(path), files.line_of("id: G1"))
    ]
    more = tmp_path / "more.jsonl"
    more.write_text('{"prompt": "b", "clauses": ["G1"]}\n')
    assert _lint(path, [cases, more]) == []


def test_cases_in_memory_are_checked_too(files):
    cases = [Case.model_validate({"prompt": "a", "clauses": ["R1", "R2", "G1"], "disposition": "comply"})]
    found = _lint(files.changed(), cases)
    assert [(f.code, f.path, f.line) for f in found] == [("case-contradicts", "(cases)", None)]
    assert len(_lint(files.changed(("kind: refuse", "kind: comply")), cases)) == 0


def test_files_that_are_not_there_are_errors(files, tmp_path):
    path = files.changed()
    with pytest.raises(MissingError, match="JSONL"):
        _lint(path, tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        _lint(path, tmp_path)
    with pytest.raises(MissingError):
        lint(load_policy(path), tmp_path / "none.yaml")


def test_a_policy_that_lint_passes_can_be_briefed(files):
    policy = load_policy(files.changed())
    assert all(brief(policy, category.id) for category in policy.categories)
