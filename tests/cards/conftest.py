from collections.abc import Sequence

import pytest
from cards_planted import EXAMPLES, FACTS, build, planted
from hypothesis import settings

from precepts.cards import CardPaths
from precepts.types import Evidence

# A busy machine is no defect.
settings.register_profile("cards", deadline=None)
settings.load_profile("cards")


@pytest.fixture(scope="session")
def evidence() -> Sequence[Evidence]:
    return planted()


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory, evidence: Sequence[Evidence]) -> CardPaths:
    """The full card, built once."""
    return build(tmp_path_factory.mktemp("run"), evidence=evidence, examples=EXAMPLES, facts=FACTS)
