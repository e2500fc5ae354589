import math
from types import SimpleNamespace
from typing import Any

import pytest
from conversations import turns

from precepts.models import Generated, Model, Sampling, ScoringModel, render
from precepts.testing import ScriptedModel, check_judge, check_model
from precepts.types import Case, Completion, Judgment

GREEDY = Sampling(max_tokens=50)
REFUSAL = render(verdict="refuse", clause="R1", why="not theirs", answer="I'm sorry, I can't.")


def say(model: ScriptedModel, *texts: str, **kwargs: Any) -> list[Generated]:
    return model.generate([turns(("user", t)) for t in texts], sampling=kwargs.pop("sampling", GREEDY), **kwargs)


def test_the_first_entry_that_fits_the_last_user_turn_answers():
    model = ScriptedModel("s", {"door": "No.", str.isupper: "Do not shout.", "": "Yes."})
    assert [g.text for g in say(model, "a door", "HELLO", "a garden")] == ["No.", "Do not shout.", "Yes."]
    assert [c[-1].content for c in model.calls[0].conversations] == ["a door", "HELLO", "a garden"]


def test_what_the_script_does_not_say_is_an_error_row():
    model = ScriptedModel("s", {"door": RuntimeError("stuck"), "window": None, "wall": "Yes."})
    made = say(model, "door", "window", "wall", "roof")
    assert [g.stop_reason for g in made] == ["error", "error", "stop", "error"]
    assert made[0].error == "RuntimeError: stuck"


def test_the_script_may_be_a_function_of_the_conversation():
    model = ScriptedModel("s", lambda conversation: f"{len(conversation)} turns")
    assert say(model, "x")[0].text == "1 turns"


def test_words_are_tokens_and_the_limit_cuts():
    [made] = say(ScriptedModel("s", {"": "one two  three four"}), "x", sampling=Sampling(max_tokens=2))
    assert made == Generated("one two  ", "length", 2)


def test_a_prefill_is_part_of_the_text_once():
    model = ScriptedModel("s", {"": REFUSAL})
    assert say(model, "x", prefills=["<think>\nverdict:"])[0].text == REFUSAL
    assert say(model, "x", prefills=["Sure. "])[0].text == "Sure. " + REFUSAL


def test_scores_follow_the_script():
    model = ScriptedModel("s", {"door": REFUSAL, "roof": None, "": "The garden is green."})
    door, garden, roof = (turns(("user", t)) for t in ("Open the door.", "Is the garden green?", "roof"))
    assert [g.decision for g in model.generate([door, garden], sampling=GREEDY)] == [4.0, None]
    assert model.openers([door, garden, roof]) == [4.0, -4.0, 0.0]
    near, far, none = model.log_probs([garden] * 3, ["The garden is green.", "Bread and butter.", ""])
    assert near > far
    assert none == -math.inf


def test_the_scripted_model_keeps_its_promises():
    model = ScriptedModel("s", {"colour": "Red.", "": "Something else."})
    assert isinstance(model, Model)
    assert isinstance(model, ScoringModel)
    check_model(model)
    check_model(ScriptedModel("silent", {}))


def broken_model(what: str) -> Model:
    class Broken(ScriptedModel):
        def generate(self, conversations: Any, *, sampling: Any, seeds: Any = None, prefills: Any = None) -> Any:
            made = super().generate(conversations, sampling=sampling, seeds=seeds, prefills=prefills)
            match what:
                case "short":
                    return made[:-1] or [Generated("x")]
                case "order":
                    return made[::-1]
                case "silent error":
                    return [g._replace(stop_reason="error") for g in made]
                case _:
                    return [g._replace(num_tokens=99) for g in made]

    return Broken("broken", {"": "Yes."})


@pytest.mark.parametrize("what", ["short", "order", "silent error", "long"])
def test_a_model_that_breaks_a_promise_is_told(what: str):
    with pytest.raises(AssertionError, match="broken"):
        check_model(broken_model(what))


def item(number: int) -> Any:
    """Shaped like judges.Item, which this room does not import."""

    class Row(SimpleNamespace):
        def _replace(self, **changes: Any) -> Any:
            return Row(**{**self.__dict__, **changes})

    case = Case(id=f"c{number}", messages=tuple(turns(("user", f"question {number}"))))
    return Row(
        case=case, completion=Completion(key=f"k{number}", case_id=case.id, model="m", text="Yes.", answer="Yes.")
    )


class Judge:
    name = "double"
    view = "answer"

    def __init__(self, what: str = "") -> None:
        self.what, self.count = what, 0

    def judge(self, items: Any) -> list[Judgment]:
        self.count += 1
        made = [self._one(i) for i in items]
        return made[::-1] if self.what == "order" else made

    def _one(self, i: Any) -> Judgment:
        score, error = (None, "not had") if i.completion.stop_reason == "error" else (1.0, None)
        match self.what:
            case "zero for a failure":
                score, error = score or 0.0, None
            case "no error":
                error = None
            case "another name":
                return Judgment(case_id=i.case.id, completion=i.completion.key, judge="x", score=score, error=error)
            case "moody":
                score = None if score is None else 1 / self.count
            case _:
                pass
        return Judgment(case_id=i.case.id, completion=i.completion.key, judge=self.name, score=score, error=error)


def test_a_judge_that_keeps_its_promises_passes():
    check_judge(Judge(), [item(1), item(2)])  # pyright: ignore


@pytest.mark.parametrize("what", ["order", "zero for a failure", "no error", "another name", "moody"])
def test_a_judge_that_breaks_a_promise_is_told(what: str):
    with pytest.raises(AssertionError, match="double"):
        check_judge(Judge(what), [item(1), item(2)])  # pyright: ignore
