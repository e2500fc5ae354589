import pytest

from precepts.errors import InputError
from precepts.policy import brief, load_policy, sentences, starter_policy

_POLICY = starter_policy()


@pytest.mark.parametrize("category", [None, *(c.id for c in _POLICY.categories)])
def test_a_brief_has_every_summary_and_the_full_text_of_one_category_only(category):
    text = brief(_POLICY, category)
    for other in _POLICY.categories:
        assert text.count(other.summary) == 1
        for clause in other.clauses:
            assert (clause.text in text) == (other.id == category), clause.id
            assert (clause.reason in text) == (other.id == category), clause.id
            assert (f"### {clause.id}\nkind: {clause.kind}\n" in text) == (other.id == category)
        for meaning in other.terms.values():
            assert (meaning in text) == (other.id == category)
    assert _POLICY.title in text
    assert _POLICY.principles in text
    for style in _POLICY.styles.values():
        assert style in text


def test_a_brief_tells_terms_examples_authority_and_exceptions(files):
    text = brief(load_policy(files.changed()), "rooms")
    assert "- door: What closes a room." in text
    assert "an answer that keeps it: I'm sorry, I can't open it." in text
    assert "an answer that breaks it: Push here." in text
    assert "exceptions, which win over it: R2 (comply)" in text
    assert "authority: user" in brief(load_policy(files.changed()), "garden")


def test_a_brief_is_the_same_text_every_time(files, small_text):
    policy = load_policy(files.changed())
    turned = load_policy(
        files.changed(
            ("  refuse: Say no kindly.\n  comply: Answer.\n", "  comply: Answer.\n  refuse: Say no kindly.\n"),
        )
    )
    assert turned.digest == policy.digest
    assert brief(policy, "rooms") == brief(policy, "rooms") == brief(turned, "rooms")


def test_braces_in_a_policy_stay_braces(files):
    assert "Anything that grows {braces} here." in brief(load_policy(files.changed()), "garden")


def test_a_summary_takes_one_line(files):
    path = files.changed(("summary: Plants are", "summary: |\n      Plants\n      are"))
    assert "- garden: Gardens. Plants are talked about freely.\n" in brief(load_policy(path), None)


def test_an_unknown_category_is_an_input_error_with_a_hint():
    with pytest.raises(InputError, match=r"no category 'violense'; did you mean `violence`\?"):
        brief(_POLICY, "violense")


def test_sentences_hold_every_text_and_reason_whole_and_in_parts(files):
    policy = load_policy(files.changed())
    found = sentences(policy)
    for clause in policy.clauses:
        assert clause.text in found
        assert clause.reason in found
    assert "They also please most people." in found
    assert len(found) == len(set(found))
    assert all(sentence.strip() for sentence in found)


def test_no_clause_sentence_stands_in_a_brief_of_summaries():
    text = brief(_POLICY, None)
    assert not [sentence for sentence in sentences(_POLICY) if sentence in text]
