"""Registered sets that judges are checked against: answers labelled as refusals, texts labelled as breaking a rule."""

from __future__ import annotations

from precepts.data import parse
from precepts.data.entry import DataFile, Entry
from precepts.data.public import raw

_PYRIT = "v1.1.0"
_RBR = "7f489fa6b38d72468235f275c23bf3f0c849e5ca"
_SAFEGUARD = "7ec06bb91dbd368c5c33e3fe93fbe5ddfb98c471"
_MODEL_COMMUNITY = "22b3bd48562616f9379eb6fa63abe131346a6de6"
_HATECHECK = "d84302298ceeb34f4b0dde2d8a1f4932c2caa612"

JUDGE_SETS: tuple[Entry, ...] = (
    Entry(
        name="pyrit_refusal",
        title="PyRIT answers that people labelled as refusals or not",
        citation="The PyRIT developers, release 1.1.0",
        licence="MIT",
        revision=_PYRIT,
        files=tuple(
            DataFile(
                key=key,
                url=raw("microsoft/PyRIT", _PYRIT, f"pyrit/datasets/scorer_evals/refusal_scorer/{name}"),
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
                url=raw("openai/safety-rbr-code-and-data", _RBR, f"data/rbr_gold_data/{key}.jsonl"),
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
        name="spam_policy",
        title="The example spam policy's golden messages",
        citation="The gpt-oss-safeguard repository",
        licence="Apache-2.0",
        revision=_SAFEGUARD,
        files=(
            DataFile(
                key="all",
                url=raw("openai/gpt-oss-safeguard", _SAFEGUARD, "example_policies/spam/golden_dataset.csv"),
                sha256="3a3671979379cb7b1cbe413881c4ad47ac0b8e33ff6ab0ffcf65ab442b2ca811",
            ),
        ),
        note="40 messages written for the policy, in the order of their labels.",
        texts=parse.spam_policy,
        rules=(
            DataFile(
                key="spam",
                url=raw("openai/gpt-oss-safeguard", _SAFEGUARD, "example_policies/spam/policy.txt"),
                sha256="c645be98bbd40966d40d103c095a303ceb6344f18712cb466f3daaf74c4931dc",
            ),
        ),
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
                url=raw(
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
        rules=tuple(
            DataFile(
                key=key,
                url=raw(
                    "roostorg/model-community",
                    _MODEL_COMMUNITY,
                    f"resources/policy-packs/openAI/teen-safety/example_policies/{key}/policy.md",
                ),
                sha256=digest,
                copy=f"{key}.policy.md",
                change="renamed",
            )
            for key, digest in (
                (
                    "age-restricted-goods-and-services",
                    "6d8d7b86872f98a11aba0ce8c23c7d6c366ca25614534c4726e5c75dd68fdddb",
                ),
                ("dangerous-content", "f839f157e26d84bde6f1fe40b26525b3fbdc8b795a3b5ae848d350037b12fa23"),
                ("graphic-violent-content", "4846a2ff7e8f8408bd3c4c679168d15aec138baba770efafd96be247cc0dc42e"),
                ("harmful-body-ideals", "09c201c5d9e7c3e78057f305a46d224687ee15de408b769a54d1a4a408565115"),
            )
        ),
    ),
    Entry(
        name="hatecheck",
        title="HateCheck: functional tests for detecting hateful posts",
        citation="Röttger et al. 2020, arXiv 2012.15606",
        licence="CC-BY-4.0",
        revision=_HATECHECK,
        files=tuple(
            DataFile(key=key, url=raw("paul-rottger/hatecheck-data", _HATECHECK, name), sha256=digest)
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
"""What `precepts judge calibrate --labels` takes by name."""
