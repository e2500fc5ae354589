"""Every change between two policies is named, once, and nothing else is."""

from __future__ import annotations

from precepts.policy import diff_policies, load_policy, rests_on
from precepts.policy.diff import counts_of
from precepts.types import Case


def test_equal_policies_do_not_differ(files) -> None:
    policy = load_policy(files.changed())
    found = diff_policies(policy, policy.model_copy(update={"version": "2.0"}))
    assert found.same
    assert found.briefs == ()


def test_a_flip_a_text_and_a_move_are_named(files) -> None:
    old = load_policy(files.changed())
    flipped = diff_policies(old, load_policy(files.changed(("kind: refuse", "kind: comply"))))
    assert [(c.id, c.what, c.fields, c.flipped) for c in flipped.clauses] == [
        ("R1", "changed", ("kind",), ("refuse", "comply"))
    ]
    assert flipped.briefs == ("rooms",)
    text = diff_policies(old, load_policy(files.changed(("Questions about any plant", "Questions about any tree"))))
    assert [(c.id, c.fields, c.flipped) for c in text.clauses] == [("G1", ("text",), None)]
    assert text.briefs == ("garden",)


def test_added_and_removed_are_each_other_turned_round(files) -> None:
    old = load_policy(files.changed())
    category = old.categories[1]
    more = category.clauses[0].model_copy(update={"id": "G2"})
    new = old.model_copy(
        update={
            "categories": (old.categories[0], category.model_copy(update={"clauses": (*category.clauses, more)})),
        }
    )
    assert [(c.id, c.what) for c in diff_policies(old, new).clauses] == [("G2", "added")]
    assert [(c.id, c.what) for c in diff_policies(new, old).clauses] == [("G2", "removed")]


def test_a_style_changes_every_brief_and_no_clause(files) -> None:
    old = load_policy(files.changed())
    found = diff_policies(old, load_policy(files.changed(("Say no kindly.", "Say no at once."))))
    assert found.clauses == ()
    assert [part.part for part in found.parts] == ["styles.refuse"]
    assert found.briefs == ("rooms", "garden")


def test_another_order_of_categories_is_a_change_of_every_brief(files) -> None:
    old = load_policy(files.changed())
    found = diff_policies(old, old.model_copy(update={"categories": old.categories[::-1]}))
    assert (found.clauses, found.parts) == ((), ())
    assert set(found.briefs) == {"rooms", "garden"}
    assert not found.same


def test_cases_rest_on_the_clauses_they_name(files) -> None:
    old = load_policy(files.changed())
    found = diff_policies(old, load_policy(files.changed(("kind: refuse", "kind: comply"))))
    cases = [
        Case.model_validate({"prompt": f"{n}", "clauses": clauses, "split": "test"})
        for n, clauses in enumerate((["R1"], ["G1"], ["G1", "R1"], []))
    ]
    assert [bool(rests_on(case, found)) for case in cases] == [True, False, True, False]
    assert counts_of(cases, found) == {"R1": {"test": 2}}
