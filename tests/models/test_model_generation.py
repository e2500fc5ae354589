import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from precepts.models import plan_batches
from precepts.models.generation import MOST_CHARACTERS
from precepts.types import Case, Message

CASES = st.lists(
    st.builds(
        lambda number, category, text: (number, category, text),
        st.integers(0, 10_000),
        st.sampled_from([None, "a", "b"]),
        st.text(min_size=1, max_size=30),
    ),
    max_size=30,
    unique_by=lambda row: row[0],
)


def cases_of(rows: list[tuple[int, str | None, str]]) -> list[Case]:
    return [Case(id=str(n), category=c, messages=(Message(role="user", content=t),)) for n, c, t in rows]


@given(CASES, st.integers(1, 7))
def test_every_case_is_planned_once_in_batches_of_one_category(rows, size):
    cases = cases_of(rows)
    category = {case.id: case.category for case in cases}
    batches = plan_batches(cases, size=size, by_category=True)
    assert sorted(i for batch in batches for i in batch) == sorted(category)
    for batch in batches:
        assert 1 <= len(batch) <= size
        assert len({category[i] for i in batch}) == 1


@given(CASES, st.integers(1, 7), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_cases(rows, size, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert plan_batches(cases_of(rows), size=size) == plan_batches(cases_of(shuffled), size=size)


@given(CASES, st.integers(1, 7))
def test_a_category_wastes_at_most_one_short_batch(rows, size):
    cases = cases_of(rows)
    num_full = sum(len(batch) == size for batch in plan_batches(cases, size=size, by_category=True))
    counts = [sum((case.category or "") == c for case in cases) for c in ("", "a", "b")]
    assert num_full == sum(n // size for n in counts)


@given(CASES, st.integers(1, 7))
def test_without_categories_only_the_last_batch_is_short(rows, size):
    sizes = [len(batch) for batch in plan_batches(cases_of(rows), size=size)]
    assert sum(sizes) == len(rows)
    assert all(found == size for found in sizes[:-1])


def test_importing_models_loads_nothing_heavy():
    code = (
        "import sys, precepts.models, precepts.testing; "
        "print([m for m in ('torch', 'transformers', 'inspect_ai', 'trl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_provider_is_found_without_torch():
    code = (
        "import sys; from importlib.metadata import entry_points; "
        "[e.load() for e in entry_points(group='inspect_ai') if e.name == 'precepts']; "
        "print([m for m in ('torch', 'transformers') if m in sys.modules], 'inspect_ai' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


def test_long_prompts_share_a_batch_with_few_others():
    lengths = [50] * 90 + [7_000] * 20 + [90_000] * 2
    rows = [Case(id=f"{n}", messages=(Message(role="user", content="x" * m),)) for n, m in enumerate(lengths)]
    batches = plan_batches(rows, size=96)
    length = {case.id: len(case.prompt) for case in rows}
    assert [len(batch) for batch in batches] == [90, 8, 8, 4, 1, 1]
    assert all(len(b) == 1 or len(b) * max(length[i] for i in b) <= MOST_CHARACTERS for b in batches)
