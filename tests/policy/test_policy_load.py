import datetime
import random
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from precepts.errors import InputError, MissingError, PreceptsError
from precepts.policy import load_policy, starter_path, starter_policy

_FUZZ = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_starter_policy_loads():
    policy = starter_policy()
    assert policy.id == "starter"
    assert len(policy.categories) == 14
    assert policy.clause("S2").kind == "safe_complete"
    assert policy.decided.on == datetime.date(2026, 11, 21)


def test_a_policy_survives_dumping_and_loading(files):
    for policy in (starter_policy(), load_policy(files.changed())):
        again = load_policy(files.write(yaml.safe_dump(policy.model_dump(mode="json"), allow_unicode=True)))
        assert again == policy
        assert again.digest == policy.digest


def test_the_digest_follows_the_content_and_not_the_layout(files, small_text):
    digest = load_policy(files.changed()).digest
    assert len(digest) == 16
    assert int(digest, 16) >= 0
    assert load_policy(files.write("\ufeff# a comment\n" + small_text.replace("\n", "\r\n"))).digest == digest
    assert load_policy(files.changed(("kind: refuse", "kind: refuse\n        authority: default"))).digest == digest
    assert load_policy(files.changed(("kind: refuse", "kind: comply"))).digest != digest
    assert load_policy(files.changed(("It is their own", "It is theirs"))).digest != digest


def test_flipping_the_kind_of_a_clause_flips_the_disposition(files):
    assert load_policy(files.changed()).disposition(["R1", "G1"]) == "refuse"
    flipped = load_policy(files.changed(("kind: refuse", "kind: comply")))
    assert flipped.disposition(["R1", "G1"]) == "comply"
    assert flipped.disposition(["G1", "R1"]) == "comply"


def test_the_first_clause_of_a_case_governs(files):
    policy = load_policy(files.changed())
    assert policy.disposition(["R2", "R1"]) == "comply"
    assert policy.disposition(("R1", "R2")) == "refuse"


def test_unknown_ids_are_input_errors_with_a_hint(files):
    policy = load_policy(files.changed())
    with pytest.raises(InputError, match=r"no clause 'R11'; did you mean `R1`\?"):
        policy.disposition(["R11"])
    with pytest.raises(InputError, match="no clause 'zzzz'; see `precepts policy show`"):
        policy.disposition(["R1", "zzzz"])
    with pytest.raises(InputError, match="give it the id of the clause"):
        policy.disposition([])
    with pytest.raises(InputError, match=r"no category 'gardn'; did you mean `garden`\?"):
        policy.category("gardn")
    with pytest.raises(InputError, match="no clause"):
        policy.category_of("rooms")
    assert policy.category_of("G1").id == "garden"


# Each row: what is changed, the sign of the line that must be named, and what the message must say.
BAD = {
    "unknown key": (("title: Gardens", "titel: Gardens"), "titel:", "unknown key 'titel'; did you mean `title`?"),
    "unknown key far from any": (
        ("by: Somebody", "by: Somebody\n  qqq: x"),
        "qqq:",
        "unknown key 'qqq'; the keys here are by, on, trade_off",
    ),
    "unknown key in a clause": (
        ("kind: refuse", "kind: refuse\n        Reasons: x"),
        "Reasons:",
        "did you mean `reason`?",
    ),
    "unknown key in examples": (("breaks:", "brakes:"), "brakes:", "unknown key 'brakes'; did you mean `breaks`?"),
    "unknown style": (("refuse: Say", "refuze: Say"), "refuze:", "unknown key 'refuze'; did you mean `refuse`?"),
    "missing key": (
        ("        kind: comply\n", ""),
        "id: R2",
        "`kind` is missing; add it: refuse, comply or safe_complete",
    ),
    "missing key at the top": (("title: A small policy\n", ""), "id: small", "`title` is missing; add it: a few words"),
    "missing key in decided": (("  by: Somebody\n", ""), "decided:", "`by` is missing; add it: who decided"),
    "wrong kind": (
        ("kind: refuse", "kind: refus"),
        "kind: refus",
        "`kind` is 'refus'; give refuse, comply or safe_complete; did you mean `refuse`?",
    ),
    "wrong authority": (
        ("authority: user", "authority: usr"),
        "usr",
        "`authority` is 'usr'; give platform, developer, user or default; did you mean `user`?",
    ),
    "number": (
        ('version: "1.0"', "version: 1.10"),
        "version:",
        "`version` is '1.10', which YAML reads as a number; put it in quotes",
    ),
    "yes": (
        ("title: Gardens", "title: Yes"),
        "title: Yes",
        "`title` is 'Yes', which YAML reads as yes or no; put it in quotes",
    ),
    "date elsewhere": (("by: Somebody", "by: 2026-01-01"), "by: 2026", "which YAML reads as a date; put it in quotes"),
    "empty value": (("by: Somebody", "by:"), "by:", "`by` is empty; give a value or remove it"),
    "blank text": (("by: Somebody", 'by: "  "'), "by:", "`by` is empty; give who decided"),
    "list for text": (("by: Somebody", "by: [a, b]"), "by:", "`by` is a list; give who decided"),
    "text for list": (
        ("keeps: [\"I'm sorry, I can't open it.\"]", "keeps: hello"),
        "keeps:",
        "`keeps` is 'hello'; give a list of answers that keep the clause",
    ),
    "mapping in list": (
        ('["Push here."]', "[{a: b}]"),
        "breaks:",
        "an item of `breaks` is a mapping; give a list of answers that break the clause",
    ),
    "text for mapping": (
        ("terms:\n  door: What closes a room.", "terms: none"),
        "terms:",
        "`terms` is 'none'; give a mapping of words",
    ),
    "text for clause": (
        ("  - id: garden", "  - garden\n  - id: garden"),
        "- garden",
        "an item of `categories` is 'garden'; give a list of categories",
    ),
    "clause id too long": (
        ("id: R2", "id: R2345678901234567"),
        "id: R2345",
        "`id` is 'R2345678901234567'; give a letter, then at most 15 letters",
    ),
    "clause id with a blank": (("id: R2", "id: R 2"), "id: R 2", "`id` is 'R 2'; give a letter"),
    "clause id twice": (
        ("id: G1", "id: R1"),
        "id: R1",
        "clause id `R1` is used twice; give each its own (first on line 20)",
    ),
    "category id twice": (
        ("id: garden", "id: rooms"),
        "id: rooms",
        "category id `rooms` is used twice; give each its own (first on line 16)",
    ),
    "key twice": (
        ("title: Gardens", "title: Gardens\n    title: Yards"),
        "title: Yards",
        "the key 'title' is given twice (first on line 33); keep one",
    ),
    "term twice": (("door: What", "door: Else\n  door: What"), "door: What", "the key 'door' is given twice"),
    "exception to itself": (
        ("exceptions: [R2]", "exceptions: [R1]"),
        "exceptions:",
        "clause `R1` cannot be an exception to itself; name another clause",
    ),
    "unknown exception": (
        ("exceptions: [R2]", "exceptions: [zz]"),
        "exceptions:",
        "no clause has the id `zz`; name another clause",
    ),
    "no such day": (
        ("on: 2026-01-02", "on: 2026-02-30"),
        "  on:",
        "`on` is '2026-02-30'; give a day, written as YYYY-MM-DD",
    ),
    "a time": (("on: 2026-01-02", "on: 2026-01-02 10:00:00"), "  on:", "give a day, written as YYYY-MM-DD"),
    "day as a number": (
        ("on: 2026-01-02", "on: 20260102"),
        "  on:",
        "`on` is '20260102', which YAML reads as a number; put it in quotes",
    ),
    "day in words": (
        ("on: 2026-01-02", "on: last week"),
        "  on:",
        "`on` is 'last week'; give a day, written as YYYY-MM-DD",
    ),
    "tab": (("  by: Somebody", "\tby: Somebody"), "\tby", "indent with spaces"),
    "colon in text": (("by: Somebody", "by: Somebody: else"), "Somebody:", "put a text that contains ': ' in quotes"),
    "open quote": (("text: Questions", 'text: "Questions'), 'text: "Q', "close the quotes"),
    "control sign": (("by: Somebody", "by: Some\x07body"), "body", "the control sign"),
    "python tag": (("by: Somebody", "by: !!python/object/apply:os.system [ls]"), "by:", "is not accepted; remove it"),
    "own tag": (("by: Somebody", "by: !mine Somebody"), "by:", "the YAML tag '!mine' is not accepted; remove it"),
    "merge": (("terms:\n  door", "terms:\n  <<: {a: b}\n  door"), "<<", "`<<` is a mapping; give a mapping of words"),
    "key that is a list": (("by: Somebody", "? [a]\n  : b"), "? [a]", "a key must be a plain text, not a list"),
    "second document": (("styles:", "---\nstyles:"), "---", "keep one policy in a file"),
    "indented quote": (("by: Somebody", 'by: "Somebody'), "I'm sorry", "(in what begins on line 5)"),
    "unknown alias": (("by: Somebody", "by: *other"), "by:", "name an anchor that stands before it"),
    "lone surrogate": (("by: Somebody", r'by: "\ud800"'), "by:", "half a character"),
    "no categories": (
        ("categories:", "categories: []\nterms2:"),
        "categories:",
        "`categories` is empty; give a list of categories",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_policy_is_named_with_file_line_and_what_to_do(name, files):
    change, sign, what = BAD[name]
    path = files.changed(change)
    with pytest.raises(InputError) as caught:
        load_policy(path)
    # An id given twice is named where it stands the second time.
    lines = [n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if sign in line]
    line = lines[-1] if name.endswith("id twice") else lines[0]
    problems = str(caught.value).splitlines()
    assert any(problem.startswith(f"{path}:{line}: ") and what in problem for problem in problems), problems


def test_every_problem_is_listed_in_the_order_of_the_file(files):
    path = files.changed(("title: Gardens", "titel: Gardens"), ("kind: refuse", "kind: no"), ("by: Somebody", "by: 3"))
    with pytest.raises(InputError) as caught:
        load_policy(path)
    problems = str(caught.value).splitlines()
    assert len(problems) == 4  # `title` is missing too
    assert [int(problem.removeprefix(f"{path}:").split(":")[0]) for problem in problems] == [5, 21, 32, 33]


def test_many_problems_are_cut_to_ten(files, small_text):
    extra = "".join(f"zz{i}: x\n" for i in range(30))
    with pytest.raises(InputError) as caught:
        load_policy(files.write(extra + small_text))
    assert len(str(caught.value).splitlines()) == 11
    assert str(caught.value).endswith("and 20 more")


def test_a_missing_file_says_how_to_get_the_starter(tmp_path):
    with pytest.raises(MissingError, match="precepts policy show --starter") as caught:
        load_policy(tmp_path / "nowhere.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'nowhere.yaml'}: there is no such file")


def test_a_directory_is_not_a_policy(tmp_path):
    with pytest.raises(InputError, match="this is a directory; give the path of a YAML file"):
        load_policy(tmp_path)


def test_a_path_that_cannot_be_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(str(tmp_path) + "/a\0b")
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(tmp_path / ("x" * 5000))


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "---\n"])
def test_an_empty_file_says_how_to_begin(text, files):
    path = files.write(text)
    with pytest.raises(InputError, match="empty") as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"{path}:1: ")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n"])
def test_a_file_that_is_no_mapping_says_what_a_policy_is(text, files):
    path = files.write(text)
    with pytest.raises(InputError, match="a policy is a mapping with the keys id, version and so on") as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"{path}:1: ")


def test_bytes_that_are_not_utf8_are_named_by_line(files, small_text):
    path = files.write(small_text.encode().replace(b"Somebody", b"Some\xffbody"))
    with pytest.raises(InputError) as caught:
        load_policy(path)
    assert str(caught.value) == f"{path}:5: not UTF-8 text; save the file with the encoding UTF-8"


def test_a_file_beyond_five_megabytes_is_not_read(files, small_text):
    path = files.write(small_text + "# " + "x" * 5_000_000)
    with pytest.raises(InputError, match="larger than 5 MB"):
        load_policy(path)


def test_alias_bombs_are_refused_before_they_grow(files, small_text):
    bomb = 'a0: &a0 ["x"]\n' + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    with pytest.raises(InputError, match=r"policy.yaml:\d+: aliases that repeat too much; write the texts out"):
        load_policy(files.write(bomb + small_text))
    with pytest.raises(InputError, match=r"policy.yaml:2: more than 100 aliases; write the texts out$"):
        load_policy(files.write('a: &a "x"\nb: [' + "*a, " * 200 + "]\n"))
    with pytest.raises(InputError, match=r"policy.yaml:1: aliases that repeat too much"):
        load_policy(files.write("a: &a [*a]\n"))
    with pytest.raises(InputError, match=r"policy.yaml:1: nested deeper than 20 levels; close the brackets$"):
        load_policy(files.write("a: " + "[" * 50_000))


def test_a_few_aliases_are_texts_like_any_other(files):
    path = files.changed(("refuse: Say no kindly.", "refuse: &no Say no kindly."), ("comply: Answer.", "comply: *no"))
    assert load_policy(path).styles["comply"] == "Say no kindly."


def test_bare_words_that_yaml_reads_as_truth_are_keys_as_written(files):
    path = files.changed(("door: What closes a room.", 'no: "A refusal."\n  3: "Three."'))
    assert load_policy(path).terms == {"no": "A refusal.", "3": "Three."}


def test_braces_and_hostile_text_in_a_message_stay_what_they_are(files):
    path = files.changed(("kind: refuse", r'"{0.__class__}\x1b[31m": x'))
    with pytest.raises(InputError) as caught:
        load_policy(path)
    assert "{0.__class__}" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def _loads_or_says_why(path: Path) -> None:
    try:
        said = load_policy(path).digest
    except PreceptsError as error:
        said = str(error)
    assert 0 < len(said.encode()) < 20_000


@_FUZZ
@given(data=st.binary(max_size=400))
@example(data=b'a: "\\UFFFFFFFF"')
@example(data=b"%YAML " + b"9" * 5000 + b".1\n---\na: b\n")
@example(data=b"\xff\xfea\x00")
@example(data=b"a: " + b"1" * 6000)
@example(data=b'{"\\ud800": x}')
@example(data=b"? !!map {}\n: x")
def test_random_bytes_give_a_policy_or_a_precepts_error(data, files):
    _loads_or_says_why(files.write(data))


@_FUZZ
@given(text=st.text(alphabet=" \n\t-:?[]{},#&*!|>'\"%@`\\<=~019.eE_xu/aé\u2028\x85", max_size=120))
def test_random_yaml_signs_give_a_policy_or_a_precepts_error(text, files):
    _loads_or_says_why(files.write(text))


_SCRAPS = [
    "\n",
    "\t",
    "  ",
    ": ",
    "- ",
    "&a ",
    "*a",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "|",
    "<<",
    "!!set ",
    "~",
    "---\n",
    "1",
    "on",
    "\\",
]


@_FUZZ
@given(seed=st.integers(0, 2**32))
def test_mutated_policies_give_a_policy_or_a_precepts_error(seed, files, small_text):
    rng = random.Random(seed)
    text = small_text
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.choice([0, 0, 1, 3, 20, 200]))
        source = rng.randrange(len(text))
        piece = rng.choice([rng.choice(_SCRAPS), text[source : source + rng.choice([1, 10, 100])], ""])
        text = text[:start] + piece + text[end:] or "x"
    _loads_or_says_why(files.write(text))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@_FUZZ
@given(value=_VALUES, place=st.integers(0, 200))
def test_any_value_in_any_place_gives_a_policy_or_a_precepts_error(value, place, files, small_text):
    document = yaml.safe_load(small_text)
    places = []

    def collect(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                collect(node[key])

    collect(document)
    node, key = places[place % len(places)]
    node[key] = value
    _loads_or_says_why(files.write(yaml.safe_dump(document, allow_unicode=True)))


def test_the_starter_path_is_a_file_to_copy():
    assert starter_path().read_text("utf-8").startswith("# The starter policy")
