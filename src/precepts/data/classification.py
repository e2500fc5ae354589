"""Registered public sets with a label on every row or a preferred one of two texts: the tasks of `precepts.w2s`.

They hold neither cases nor judged answers, so they stand apart from `registry.ENTRIES`; files are found, checked and downloaded alike.
"""

from __future__ import annotations

from precepts.data.entry import DataFile, Entry, suggestion
from precepts.errors import MissingError


def _raw(repository: str, revision: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{revision}/{path}"


def _zipped(key: str, url: str, sha256: str, copy_sha256: str) -> DataFile:
    """A file whose copy, in a folder of copies, is only compressed."""
    copy = f"{url.rsplit('/', 1)[-1]}.gz"
    return DataFile(key=key, url=url, sha256=sha256, copy=copy, copy_sha256=copy_sha256, change="compressed")


_ETHICS = "49e7b2c7ac5ab67b89400dff7cc9d1cc40bc9422"
_VADER = "44fc044cd877310ee8278a0eadf34bcd50d41d06"
_CLINC = "828f8093932c8fe6ca7936c3d2e52903b1c523de"
_COSMOS = "b6eb99cca4e2a51dd28a9a6f562534872d851639"
_PIQA = "21edab439af693b961be2f069e8690a88d3b4e37"
_DECEPTION = "a3958f6dfe9a156dc8cedff196f674538bef7ee6"
_TRUTHFUL = "6fdfd38288e86296582a584694df5cf43d1f634a"
_STEREOSET = "ead7d086a64a192a1eca88e0dd2fd163de375218"

_ENTRIES = (
    Entry(
        name="ethics",
        title="ETHICS: justice, deontology, virtue and utilitarianism",
        citation="Hendrycks et al. 2021, arXiv 2008.02275",
        licence="MIT",
        revision=_ETHICS,
        files=tuple(
            _zipped(key, _raw("EleutherAI/gpt-neox", _ETHICS, f"data/ethics/{folder}/{key}_train.csv"), digest, copy)
            for key, folder, digest, copy in (
                (
                    "deontology",
                    "deontology",
                    "d31e25825c43c16fb566cc9172dd59191756111cf74ef1b90633a716299861fe",
                    "dd90eee5a966396033b236db794a3e8c3518b8c8873cd16980597bc7ceb2de8d",
                ),
                (
                    "justice",
                    "justice",
                    "175c8255f5ee3d99ad381cd716473367274dc24b3832d5e3357f37f1779a7d3f",
                    "b45692f5d5f3ee4e56cf953c01602930aa6f3254fef38cc353d945e1f54366c6",
                ),
                (
                    "virtue",
                    "virtue",
                    "f1a4b619920adb7d61d0111df065125a3907b919265abebff6aca42d392a7e89",
                    "32f42baef785b9ba6c499cf9020baba83f364d0a15c03fafe398fcb6fd59174f",
                ),
                (
                    "util",
                    "utilitarianism",
                    "5779d8f89788a687f30ee8930ebcaf4a272e6917f59f98bbf1550a4963e58b69",
                    "adefaff0bf96ae8fafbc447ef9047016c4735588e23fd9d894163e1192bef5e4",
                ),
            )
        ),
        note="Carried by a public repository; the part on commonsense morality is not used. Only the training files are read.",
    ),
    Entry(
        name="vader_movie",
        title="Movie review snippets with mean sentiment of about 20 raters",
        citation="Hutto and Gilbert 2014, ICWSM",
        licence="MIT",
        revision=_VADER,
        files=(
            DataFile(
                key="all",
                url=_raw("cjhutto/vaderSentiment", _VADER, "additional_resources/hutto_ICWSM_2014.tar.gz"),
                sha256="d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
                copy="movieReviewSnippets_GroundTruth.txt.gz",
                copy_sha256="37611f57b61de5d323e2be66fb813b9d7dc7117aa1cc6817ad3c73619ee2e4b5",
                change="one file of the archive, compressed",
                member="movieReviewSnippets_GroundTruth.txt",
                encoding="latin-1",
            ),
        ),
    ),
    Entry(
        name="clinc150",
        title="CLINC150: 150 intents of ten domains, and questions out of scope",
        citation="Larson et al. 2019, arXiv 1909.02027",
        licence="CC-BY-3.0",
        revision=_CLINC,
        files=(
            _zipped(
                "all",
                _raw("clinc/oos-eval", _CLINC, "data/data_full.json"),
                "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
                "59969ccdb9192885f0ca3d475172ca845aa4a41ca0e2881782ba4c3bd37e7dbf",
            ),
        ),
    ),
    Entry(
        name="cosmosqa",
        title="CosmosQA, validation rows",
        citation="Huang et al. 2019, arXiv 1909.00277",
        licence="CC-BY-4.0",
        revision=_COSMOS,
        files=(
            _zipped(
                "all",
                _raw("wilburOne/cosmosqa", _COSMOS, "data/valid.csv"),
                "a6a94fc1463ca82bb10f98ef68ed535405e6f5c36e044ff8e136b5c19dea63f3",
                "2bc7e8d34275625d88dafcda3cc4dff253f5deda8d24048ec2fa0f3251103fa0",
            ),
        ),
    ),
    Entry(
        name="piqa",
        title="PIQA, validation rows",
        citation="Bisk et al. 2020, arXiv 1911.11641",
        licence="AFL-3.0",
        revision=_PIQA,
        files=(
            _zipped(
                "rows",
                _raw("ybisk/ybisk.github.io", _PIQA, "piqa/data/valid.jsonl"),
                "93503cc97c679e459b065c3d13e848282e44b2a25213985bed3e5d458abef72d",
                "2924284eaaebe074dcaa7498f5d5e12ff8036dab40c48adb772f24725350de8c",
            ),
            DataFile(
                key="labels",
                url=_raw("ybisk/ybisk.github.io", _PIQA, "piqa/data/valid-labels.lst"),
                sha256="b4192dc3a2a0363d9d60ccf79800cbbe2f32ebb17726efdde6970e0b8131bceb",
            ),
        ),
    ),
    Entry(
        name="hh_single_turn_w2s",
        title="HH-RLHF harmless-base, single turn: the preferred of two replies",
        citation="Bai et al. 2022, arXiv 2204.05862; the split: Yang et al. 2024, arXiv 2406.11431",
        licence="MIT",
        revision=_DECEPTION,
        files=tuple(
            _zipped(
                key,
                _raw(
                    "keven980716/weak-to-strong-deception",
                    _DECEPTION,
                    f"weak-to-strong/data/hh-single-turn/harmless_{key}.jsonl",
                ),
                digest,
                copy,
            )
            for key, digest, copy in (
                (
                    "train_gt",
                    "a3fcbc951d6f67f00c8b327ad05970300e4f67c2e9529657add1ebe38875c1a7",
                    "cecc3e78d9c50ec4e54ed0b836257cafbaecdfb8c76ad7db0acae0a71165d4ef",
                ),
                (
                    "train_w2s",
                    "4664e946f7eda2d033bfc85dfe25d4355bfeb2d1c8e3db462dbfc7dc1bbef2c5",
                    "43d19e36fdfb6dbf1df3308cfd980eca7d2fad3f4dec57dbdc1a3646d939de68",
                ),
                (
                    "test",
                    "cc7f5163a3ca0179a01553a13ac9739251ce8c63944929e230a23f45a755e68e",
                    "006d4ebbe3ad8f32a026014c1ef450a7d1ad57737742d4a13bf48c016f1c6111",
                ),
            )
        ),
        note="Prompts occur in more than one of the published parts; precepts splits anew, by prompt.",
    ),
    Entry(
        name="truthfulqa",
        title="TruthfulQA, the best answer against incorrect ones",
        citation="Lin et al. 2021, arXiv 2109.07958",
        licence="Apache-2.0",
        revision=_TRUTHFUL,
        files=(
            DataFile(
                key="all",
                url=_raw("benedictflorance/truthfulqa_experiments", _TRUTHFUL, "datasets/TruthfulQA.csv"),
                sha256="99d6ae7755e3b435eade956068c9de7c0c474770344237aeb66b56519ba4b697",
            ),
        ),
        note="From a public copy of the 2021 release.",
    ),
    Entry(
        name="stereoset",
        title="StereoSet, development set",
        citation="Nadeem, Bethke and Reddy 2020, arXiv 2004.09456",
        licence="CC-BY-SA-4.0",
        revision=_STEREOSET,
        files=(
            _zipped(
                "all",
                _raw("moinnadeem/StereoSet", _STEREOSET, "data/dev.json"),
                "73a0f31b711688112602e4c3ac6ab1e1a7cadcdd67df6c6fd55501c889676c90",
                "b72476bd9137467d6cfee24199c44135d4cd415c3c9679a9a233929c8a2ba295",
            ),
        ),
        note="Used for whether a sentence goes on from its context, not for what it says of people.",
    ),
)

CLASSIFICATION: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""The registered sets of labelled rows, by name."""


def classification_entry(name: str) -> Entry:
    """The registered set with this name.

    Raises:
        MissingError: If there is none; the message lists the names.
    """
    if name not in CLASSIFICATION:
        near = suggestion(name, CLASSIFICATION) or f"; registered are: {', '.join(sorted(CLASSIFICATION))}."
        raise MissingError(f"There is no set of labelled rows {name!r:.80}{near}")
    return CLASSIFICATION[name]
