"""BBQ, whose ten files would fill the registry: nine categories of questions, and which answer is the stereotyped one."""

from __future__ import annotations

from precepts.data.entry import DataFile, Entry
from precepts.data.public import raw

_BBQ = "bea11bd97d79217245b5871acd247b9d6eb24598"

_QUESTIONS = (
    (
        "Age",
        "46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c83574ff3674e8ce4f0fca2a60",
        "0415400b320ac96b35632959933f54e8c062e14a06ace11b2856c97e504e4d8d",
    ),
    (
        "Disability_status",
        "375d40d9b71f056150264445ec189b13934998f3f49a1e311aa7578eb3b45e5f",
        "d895d6081b29be7c1bdf1c9b603febb6f52687fcd3801a01204e91e0acc8de7e",
    ),
    (
        "Gender_identity",
        "8b5adbb368510a97d5775dc43e1c719e0249fe2da33f13c83e3e29edafec7a00",
        "c3c2430b0f8b557948717edd9518ce44fb22075ee123dca3cda18e465e8a8ae2",
    ),
    (
        "Nationality",
        "a583e74666aec0341ded8aa3983e7cad694eb24de72c254d28b2df3035720090",
        "f06059ff4809507cf2ee02934dd1cfdafa706f8dfd1c7b48f745d668aa524a33",
    ),
    (
        "Physical_appearance",
        "e48d7e13508565f4801574e611043470c25c95a0a62af3699cb5ee7cb02608fb",
        "4dc77d310a80a9c4638fa3d3790bb291d40739fb20ee41bff9364ec5e7709404",
    ),
    (
        "Race_ethnicity",
        "4a9f1214cfaa115ce7f0bdb40609122e431f5152c71b8ca64d665e483b946ae6",
        "198a7c94286b9996eaa2fc6c99c93921ae847046987306169900514508a607d9",
    ),
    (
        "Race_x_SES",
        "af8e2ae3d0e5be9ebcbfe7149e591d47ff649e263307f4548f7fb12f6a6d83e8",
        "4c5e517312b1e960b4343c4de712af97e84cbf33aea946c6f0ccb91caeb7d82d",
    ),
    (
        "Race_x_gender",
        "e5dbba782f8c4e25b99dd5470b5136e2db73dbf401cf6d4a5a3ed31b02f95696",
        "558d9a7aac27916310f2fb141bfbdd338c8852482ce7196bb0cef1808b47f7d0",
    ),
    (
        "SES",
        "9f92754bb037b0982604b9112705fb81d60a19d9e759c67e4a85e484a070f528",
        "e23224d31bfe80ac5ae2e14c8a0b2411fcdfc25f677ec68c40c9d6aa48af670b",
    ),
)
"""Category, digest of the public file, digest of the compressed copy."""

BBQ = Entry(
    name="bbq",
    title="BBQ: bias benchmark for question answering",
    citation="Parrish et al. 2021, arXiv 2110.08193",
    licence="CC-BY-4.0",
    revision=_BBQ,
    files=(
        *(
            DataFile(
                key=key, url=raw("nyu-mll/BBQ", _BBQ, f"data/{key}.jsonl"), sha256=digest, copy=f"{key}.jsonl.gz",
                copy_sha256=copy_digest, change="compressed",
            )
            for key, digest, copy_digest in _QUESTIONS
        ),
        DataFile(
            key="targets",
            url=raw("nyu-mll/BBQ", _BBQ, "analysis_scripts/additional_metadata.csv"),
            sha256="f36708416b0e7adb81b47ad1926f9c39c2beb611702b73b01e06c9b6c9ffbd3d",
            copy="additional_metadata.csv.gz",
            copy_sha256="4e7c699bd61f7326e75f492afd547456a94f0023280ca6870f68882b1f0ed68b",
            change="rows of the nine categories alone, compressed",
        ),
    ),
    note="The last file tells which answer is the stereotyped one.",
)  # fmt: skip
"""Read by the suite `bias` of `precepts eval`."""
