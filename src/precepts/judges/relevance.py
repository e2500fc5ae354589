"""Whether an answer is about its prompt: it is likelier given its own prompt than given others.

The scorer is fixed, whichever model wrote the answer, so that arms are measured with one ruler.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from precepts.judges.judge import Item
from precepts.models.generation import Conversation, ScoringModel
from precepts.types import Case, Message, content_key

NUM_OTHERS = 2
ANSWER_CHARS = 120
"""About 24 tokens: the beginning of an answer tells what it is about, and the cost stays bounded."""
PROMPT_CHARS = 400


def embedded_scorer() -> ScoringModel:
    """The embedded base model, loaded.

    Raises:
        MissingError: If torch is not installed or the model was not pulled.
    """
    try:
        from precepts.models.engine import Engine
    except ImportError as error:
        from precepts.errors import needs_extra

        raise needs_extra(error.name or "torch") from None
    from precepts.models.embedded import NAME, embedded_path

    return Engine(embedded_path(), name=f"precepts/{NAME}")


def relevance(
    items: Sequence[Item],
    scorer: ScoringModel,
    *,
    wanted: Sequence[bool] | None = None,
    among: Sequence[Case] | None = None,
) -> list[float | None]:
    """By how many nats a token the answer's beginning is likelier after its own prompt than after any other tried.

    Above 0 the answer passes for one about its prompt. None where there is no answer, or the items hold no other prompt
    to compare with. With two others, an answer about something else still passes by chance one time in three: measured
    on 32 PyRIT answers with the embedded model, all passed with their own prompt and 15 of 32 with a wrong one (7 with
    a margin above 0.3, which no answer to its own prompt fell below).

    The other prompts are the next two in an order that depends on the prompts alone, never on the order of the items;
    a case's twin (same `pair`) is passed over while there are others. All pairs are scored in one call.

    Args:
        items: Completions: each is compared with the prompts of the others.
        scorer: Its chat template must accept a system turn.
        wanted: Which items to score; the rest only lend their prompts and get None.
        among: All cases whose prompts are compared with, where `items` are a part of their completions; by default the items'.
    """
    prompts = _planned([item.case for item in items] if among is None else among)
    place = {prompt: index for index, (prompt, _) in enumerate(prompts)}
    conversations: list[Conversation] = []
    continuations: list[str] = []
    spans: list[tuple[int, int]] = []
    for item, want in zip(items, wanted or [True] * len(items), strict=True):
        start, answer = len(conversations), _beginning(item.completion.answer)
        others = _others(item, prompts, place[item.case.prompt])
        if want and answer and others:
            for prompt in (item.case.prompt, *others):
                conversations.append(_bare(prompt))
                continuations.append(answer)
        spans.append((start, len(conversations)))
    scores = scorer.log_probs(conversations, continuations) if conversations else []
    return [_margin(scores[start:end]) for start, end in spans]


def _planned(cases: Sequence[Case]) -> list[tuple[str, str | None]]:
    """Distinct prompts with the pair they belong to, in an order fixed by their content."""
    pairs: dict[str, str | None] = {}
    for case in sorted(cases, key=lambda case: case.id):
        pairs.setdefault(case.prompt, case.pair)
    return sorted(pairs.items(), key=lambda entry: content_key(entry[0]))


def _others(item: Item, prompts: Sequence[tuple[str, str | None]], own: int) -> list[str]:
    far: list[str] = []
    near: list[str] = []
    for step in range(1, len(prompts)):
        prompt, pair = prompts[(own + step) % len(prompts)]
        (near if pair is not None and pair == item.case.pair else far).append(prompt)
        if len(far) == NUM_OTHERS:
            break
    return [*far, *near][:NUM_OTHERS]


def _beginning(answer: str) -> str:
    """The answer's first characters, cut at the end of a word."""
    answer = answer.strip()
    if len(answer) <= ANSWER_CHARS:
        return answer
    head = answer[:ANSWER_CHARS]
    return head.rsplit(None, 1)[0] if " " in head else head


def _bare(prompt: str) -> Conversation:
    # An empty system turn keeps a chat template from putting its own default there, which would only cost time.
    return (Message(role="system", content=""), Message(role="user", content=prompt[:PROMPT_CHARS]))


def _margin(scores: Sequence[float]) -> float | None:
    if not scores or not all(math.isfinite(score) for score in scores):
        return None
    return scores[0] - max(scores[1:])
