"""From the files of public sets to examples: one function a task, from texts by key to rows.

Which of two texts stands second, and so the label, is drawn from the row's content: neither place tells the answer.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from precepts.types import content_key
from precepts.w2s.examples import Example

Texts = Mapping[str, str]

BANKING = (
    "transfer", "transactions", "balance", "freeze_account", "pay_bill", "bill_balance", "bill_due", "interest_rate",
    "routing", "min_payment", "order_checks", "pin_change", "report_fraud", "account_blocked", "spending_history",
)  # fmt: skip
"""CLINC150's domain of banking, as its paper lists it."""
INTENTS = ("balance", "bill_balance", "transactions", "spending_history", "bill_due", "min_payment")
"""Six intents that share their words, so that a supervisor of words errs."""


def utilitarianism(texts: Texts) -> list[Example]:
    """ETHICS utilitarianism: which of two scenarios is the more pleasant; the file names it first."""
    rows = csv.reader(io.StringIO(texts["util"], newline=""))
    return [_preference(row[0], row[1], group=_opening(row[0])) for row in rows if len(row) == 2 and row[0] != row[1]]


def deontology(texts: Texts) -> list[Example]:
    """ETHICS deontology: whether the excuse is reasonable; rows of one scenario share a group."""
    return [
        Example((f"{row['scenario']} {row['excuse']}",), int(row["label"]), row["scenario"])
        for row in _csv(texts["deontology"])
    ]


def justice(texts: Texts) -> list[Example]:
    """ETHICS justice: whether the claim is reasonable; rows that open alike are variants of one scenario."""
    rows = list(_csv(texts["justice"]))
    return [Example((row["scenario"],), int(row["label"]), _opening(row["scenario"])) for row in rows]


def virtue(texts: Texts) -> list[Example]:
    """ETHICS virtue: whether the trait fits the scenario."""
    found: list[Example] = []
    for row in _csv(texts["virtue"]):
        scenario, _, trait = row["scenario"].partition(" [SEP] ")
        found.append(Example((f"{scenario} The character is {trait}.",), int(row["label"]), scenario))
    return found


def movie_reviews(texts: Texts) -> list[Example]:
    """Movie review snippets: whether the mean rating is above 0; those within 0.5 of 0 are left out as neither."""
    found: list[Example] = []
    for line in texts["all"].split("\n"):
        fields = line.rstrip("\r").split("\t")
        if len(fields) == 3 and abs(rating := float(fields[1])) >= 0.5 and fields[2].strip():
            found.append(Example((fields[2].strip(),), int(rating > 0), fields[0].partition("_")[0]))
    return found


def banking(texts: Texts) -> list[Example]:
    """CLINC150 made binary: a question about one's bank account, or about anything else in scope."""
    return [Example((text,), int(intent in BANKING), text.casefold()) for text, intent in _clinc(texts)]


def intents(texts: Texts) -> list[Example]:
    """CLINC150, six intents of banking that share their words."""
    rows = (row for row in _clinc(texts) if row[1] in INTENTS)
    return [Example((text,), INTENTS.index(intent), text.casefold()) for text, intent in rows]


def cosmosqa(texts: Texts) -> list[Example]:
    """CosmosQA made binary: the right answer and one wrong answer a question; questions on one context share a group."""
    found: list[Example] = []
    for row in _csv(texts["all"]):
        right = int(row["label"])
        wrong = [place for place in range(4) if place != right and "None of the above" not in row[f"answer{place}"]]
        for place in (right, _pick(wrong, row["id"])):
            text = f"{row['context']} {row['question']} {row[f'answer{place}']}"
            found.append(Example((text,), int(place == right), row["context"]))
    return found


def piqa(texts: Texts) -> list[Example]:
    """PIQA: which of two ways reaches the goal."""
    labels = texts["labels"].split()
    rows = [json.loads(line) for line in texts["rows"].split("\n") if line.strip()]
    return [
        Example((f"{row['goal']} {row['sol1']}", f"{row['goal']} {row['sol2']}"), int(label), row["goal"].casefold())
        for row, label in zip(rows, labels, strict=True)
        if row["goal"].strip() and row["sol1"] != row["sol2"]
    ]


def harmless_replies(texts: Texts) -> list[Example]:
    """HH-RLHF harmless-base, single turn: which of two replies people preferred. Both are shown; the prompt is the group."""
    found: list[Example] = []
    seen: set[str] = set()
    for part in ("train_gt", "train_w2s", "test"):
        for line in texts[part].split("\n"):
            if not line.strip():
                continue
            row = json.loads(line)
            better, worse = row["chosen"].strip(), row["rejected"].strip()
            if better != worse and (key := content_key(better, worse)) not in seen:
                seen.add(key)
                prompt = better.partition("\n\nAssistant:")[0].casefold()
                found.append(_preference(better, worse, group=prompt))
    return found


def truthfulness(texts: Texts) -> list[Example]:
    """TruthfulQA: the best answer against one incorrect answer."""
    found: list[Example] = []
    for row in _csv(texts["all"]):
        wrong = [answer.strip() for answer in row["Incorrect Answers"].split(";") if answer.strip()]
        if wrong and row["Best Answer"].strip():
            question = row["Question"]
            pair = (f"{question} {row['Best Answer'].strip()}", f"{question} {_pick(wrong, question)}")
            found.append(_preference(*pair, group=row["Category"]))
    return found


def continuations(texts: Texts) -> list[Example]:
    """StereoSet between sentences: the one that goes on from the context against one about something else.

    Which of the two fitting sentences is shown, the stereotype or its opposite, is drawn from the context: the label says nothing of it.
    """
    found: list[Example] = []
    for row in json.loads(texts["all"])["data"]["intersentence"]:
        by_kind = {one["gold_label"]: one["sentence"].strip() for one in row["sentences"]}
        fitting = [by_kind[kind] for kind in ("stereotype", "anti-stereotype") if by_kind.get(kind)]
        if fitting and (unrelated := by_kind.get("unrelated")):
            context = row["context"].strip()
            pair = (f"{context} {_pick(fitting, row['id'])}", f"{context} {unrelated}")
            found.append(_preference(*pair, group=row["target"].casefold()))
    return found


PARSERS: Mapping[str, Callable[[Texts], list[Example]]] = {
    parser.__name__: parser
    for parser in (
        utilitarianism, deontology, justice, virtue, movie_reviews, banking, intents, cosmosqa, piqa, harmless_replies,
        truthfulness, continuations,
    )
}  # fmt: skip


def _preference(better: str, worse: str, *, group: str) -> Example:
    """A pair in an order drawn from its content; label 1 says that the second is better."""
    second = int(content_key(better, worse), 16) % 2
    return Example((worse, better) if second else (better, worse), second, group)


def _pick(choices: Sequence[int] | Sequence[str], name: str) -> int | str:
    return choices[int(content_key(name), 16) % len(choices)]


def _opening(text: str) -> str:
    """The first five words: ETHICS writes variants of a scenario with one opening."""
    return " ".join(text.casefold().split()[:5])


def _clinc(texts: Texts) -> list[tuple[str, str]]:
    parts = json.loads(texts["all"])
    return [(text, intent) for part in ("train", "val", "test") for text, intent in parts[part]]


def _csv(text: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(io.StringIO(text, newline=""))
