"""From the files of each public set to cases and labelled answers. Copies and public files give the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from precepts.data.entry import LabelledAnswer, LabelledText, Texts
from precepts.types import Case, Disposition

Row = dict[str, Any]

_STAR1_SOURCES = frozenset(
    ("AttaQ", "GPTFuzz", "HarmBench", "HarmfulQA", "SaladBench", "TDCRedTeaming", "UltraSafety", "wildjailbreak")
)  # the sets in STAR-1 whose own licence is permissive, as recalled


def xstest(texts: Texts) -> list[Case]:
    """XSTest: 250 prompts that only sound harmful, to comply with, and 200 contrasts to refuse."""
    return [
        _case("xstest", row["id"], row["prompt"], "refuse" if row["label"] == "unsafe" else "comply", "CC-BY-4.0",
              type=row["type"], focus=row["focus"])
        for row in _csv(texts["all"])
    ]  # fmt: skip


def harmbench(texts: Texts) -> list[Case]:
    """HarmBench text behaviors: dev 80, test 320. A contextual one stands after its context, as HarmBench puts it."""
    return [
        _case("harmbench", row["BehaviorID"], "\n\n---\n\n".join(filter(None, (row["ContextString"], row["Behavior"]))),
              "refuse", "MIT", split, category=row["SemanticCategory"], functional_category=row["FunctionalCategory"])
        for split in ("dev", "test")
        for row in _csv(texts[split])
    ]  # fmt: skip


def strongreject(texts: Texts) -> list[Case]:
    """StrongREJECT forbidden prompts; the group `origin` names the set that a prompt was taken from."""
    return [
        _case("strongreject", f"{number:03}", row["forbidden_prompt"], "refuse", "MIT",
              category=row["category"], origin=row["source"])
        for number, row in enumerate(_csv(texts["all"]), 1)
    ]  # fmt: skip


def advbench(texts: Texts) -> list[Case]:
    """AdvBench harmful behaviors; the target strings of the attack are left out."""
    rows = enumerate(_csv(texts["all"]), 1)
    return [_case("advbench", f"{number:03}", row["goal"], "refuse", "MIT") for number, row in rows]


def star1(texts: Texts) -> list[Case]:
    """STAR-1 questions whose source set is permissive, 638 of 1,000. A training set: it labels no disposition."""
    text = texts["all"]
    rows: list[Row] = json.loads(text) if text.lstrip().startswith("[") else _jsonl(text)
    return [
        _case("star1", row["id"], row["question"], None, "Apache-2.0", "train",
              category="; ".join(row["category"]), origin=row["source"])
        for row in rows
        if row["source"] in _STAR1_SOURCES
    ]  # fmt: skip


def ifeval(texts: Texts) -> list[Case]:
    """IFEval prompts. Their checkable constraints are read by `precepts.evals.ifeval`."""
    return [_case("ifeval", str(row["key"]), row["prompt"], "comply", "Apache-2.0") for row in ifeval_rows(texts)]


def ifeval_rows(texts: Texts) -> list[Row]:
    """IFEval rows with `key`, `prompt`, `instruction_id_list` and `kwargs`; ids are those of the original release."""
    rows = _jsonl(texts["all"])
    for row in rows:
        row["instruction_id_list"] = [name.removeprefix("en:") for name in row["instruction_id_list"]]
    return rows


def pyrit_refusal(texts: Texts) -> list[LabelledAnswer]:
    """PyRIT's refusal answers; `human_score` 1 is a refusal. Splits `main` (105) and `extra` (64)."""
    return [
        LabelledAnswer.model_validate({
            "id": f"pyrit_refusal/{split}/{number:03}", "messages": [{"role": "user", "content": row["objective"]}],
            "answer": row["assistant_response"], "refused": row["human_score"] == "1", "split": split,
        })
        for split in ("main", "extra")
        for number, row in enumerate(_csv(texts[split]), 1)
    ]  # fmt: skip


def rbr_gold(texts: Texts) -> list[LabelledAnswer]:
    """The RBR gold answers on which the human propositions decide whether it was a refusal: 397 of 435.

    The set asks of `partially_complies` whether any part of what was asked is given, and names a refusal as the example
    of "no". So an answer that complies in part or whole did not refuse, and any other refused: by a plain no, by a
    safer offer or by turning to other help. Left out, since neither label would be honest: empty answers (8), answers
    off the subject that neither comply nor say no (22), and answers that say they cannot and yet comply (8). `details`
    has the category, the response type that the policy wants, and the propositions that hold.
    """
    return [
        LabelledAnswer.model_validate({
            "id": f"rbr_gold/{split}/{number:03}", "messages": row["prompt"], "answer": row["completion"][0]["content"],
            "refused": refused, "split": split,
            "details": {
                "category": row["category"], "response_type": row["response_type"],
                "propositions": " ".join(sorted(name for name, holds in row["propositions"].items() if holds)),
            },
        })
        for split in ("train", "test")
        for number, row in enumerate((row for row in _jsonl(texts[split]) if not row["category"].startswith("K")), 1)
        if (refused := _rbr_refused(row)) is not None
    ]  # fmt: skip


def _rbr_refused(row: Row) -> bool | None:
    """Whether people saw a refusal; None where their propositions do not say."""
    holds: dict[str, bool] = row["propositions"]
    complied = holds["partially_complies"] or holds["fully_complies"]
    says_no = holds["inability_to_comply"]
    if not row["completion"][0]["content"].strip() or (complied and says_no):
        return None
    if not complied and not says_no and holds["illogical_continuation_of_prompt"]:
        return None
    return not complied


def spam_policy(texts: Texts) -> list[LabelledText]:
    """The golden rows of the example spam policy: 18 valid messages and 22 of spam in three degrees.

    The label is the heading that a row stands under; the last column is what gpt-oss-safeguard said, kept as a rater.
    """
    out: list[LabelledText] = []
    heading = ""
    for row in csv.reader(io.StringIO(texts["all"], newline="")):
        first = row[0].strip()
        if first.startswith("SP"):
            heading = first
        elif first.isdigit() and heading:
            said = row[9].strip()
            out.append(
                LabelledText(
                    id=f"spam_policy/{heading}/{first}", text=row[1].strip(), broke=heading != "SP0", category="spam",
                    groups={"degree": heading}, raters={"gpt-oss-safeguard": said != "SP0"} if said else {},
                )
            )  # fmt: skip
    return out


def teen_safety_policies(texts: Texts) -> list[LabelledText]:
    """Answers to teenagers' questions under four policies, 136 rows; a label that does not end in 0 breaks the policy.

    The group `asked` is the label of the question.
    """
    out: list[LabelledText] = []
    for name, text in texts.items():
        rows = list(csv.reader(io.StringIO(text, newline="")))[2:]
        out += [
            LabelledText(
                id=f"teen_safety_policies/{name}/{number:03}", prompt=row[0].strip(), text=row[2].strip(),
                broke=not row[3].strip().endswith("0"), category=name, groups={"asked": row[1].strip()},
            )
            for number, row in enumerate(rows, 1)
            if len(row) > 3 and row[0].strip() and row[2].strip() and row[3].strip()
        ]  # fmt: skip
    return out


def hatecheck(texts: Texts) -> list[LabelledText]:
    """HateCheck's 3,728 short posts by functionality and group that is named, with the labels of their annotators."""
    annotated = {row["case_id"]: row for row in _csv(texts["annotations"])}
    return [
        LabelledText(
            id=f"hatecheck/{row['case_id']}", text=row["test_case"].strip(), broke=row["label_gold"] == "hateful",
            category="hate", groups={"functionality": row["functionality"], "target": row["target_ident"] or "none"},
            raters={
                key: value == "hateful"
                for key, value in annotated.get(row["case_id"], {}).items()
                if key.startswith("label_") and key[6:].isdigit() and value
            },
        )
        for row in _csv(texts["cases"])
    ]  # fmt: skip


def _case(
    name: str,
    number: str,
    prompt: str,
    disposition: Disposition | None,
    license: str,
    split: str = "test",
    **groups: str,
) -> Case:
    return Case.model_validate({
        "id": f"{name}/{number}", "prompt": prompt, "disposition": disposition, "split": split, "source": name,
        "license": license, "groups": {key: value for key, value in groups.items() if value},
    })  # fmt: skip


def _csv(text: str) -> Iterable[dict[str, str]]:
    """Rows of a CSV file; comment lines may stand before the header."""
    while text.startswith("#"):
        text = text.partition("\n")[2]
    return csv.DictReader(io.StringIO(text, newline=""))


def _jsonl(text: str) -> list[Row]:
    return [json.loads(line) for line in text.split("\n") if line.strip()]
