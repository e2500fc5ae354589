import json
import os
from pathlib import Path

import pytest

from precepts.errors import InputError, MissingError
from precepts.models import model_name, model_path, open_model
from precepts.models.references import FORMS, PROVIDERS


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a model, a trained run and one that is only planned."""
    monkeypatch.chdir(tmp_path)
    for place in ("model", "runs/done/sft/model"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.json").write_text("{}", "utf-8")
        (tmp_path / place / "model.safetensors").write_bytes(b"")
    (tmp_path / "runs/done/run.json").write_text("{}", "utf-8")
    (tmp_path / "runs/planned").mkdir()
    (tmp_path / "runs/planned/plan.json").write_text(json.dumps({"command": "x"}), "utf-8")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("ref", "path", "name"),
    [
        ("run:runs/done", "runs/done/sft/model", "run:runs/done"),
        ("precepts/run:runs/done", "runs/done/sft/model", "run:runs/done"),
        ("run:runs/done/", "runs/done/sft/model", "run:runs/done"),
        ("runs/done", "runs/done/sft/model", "run:runs/done"),
        ("./runs/done", "runs/done/sft/model", "run:runs/done"),
        ("run:runs/done/sft", "runs/done/sft/model", "run:runs/done/sft"),
        ("model", "model", "model"),
        ("./model/", "model", "model"),
        ("hf/model", "model", "model"),
        ("hf/./model", "model", "model"),
    ],
)
def test_local_forms(here: Path, ref: str, path: str, name: str):
    assert model_path(ref) == Path(path)
    assert model_name(ref) == name


def test_the_embedded_model_is_in_the_cache_or_says_how_to_get_it(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PRECEPTS_CACHE", str(here / "cache"))
    with pytest.raises(MissingError, match="precepts models pull"):
        model_path("precepts/smollm2-135m")
    target = here / "cache/models/smollm2-135m"
    target.mkdir(parents=True)
    (target / "model.safetensors").write_bytes(b"")
    assert model_path("precepts/smollm2-135m") == target
    assert model_name("precepts/smollm2-135m") == "precepts/smollm2-135m"


@pytest.mark.parametrize("ref", ["openai/gpt-4o", "openai-api/here/some-model", "vllm/org/name", "mockllm/model"])
def test_a_provider_has_no_path_and_keeps_its_name(here: Path, ref: str):
    assert model_path(ref) is None
    assert model_name(ref) == ref


def test_the_known_providers_are_those_of_inspect():
    from inspect_ai._util.registry import registry_find

    import precepts.models.remote  # noqa: F401 - fills the registry

    found = registry_find(lambda info: info.type == "modelapi" and info.name.startswith("inspect_ai/"))
    names = {info.__registry_info__.name.rpartition("/")[2] for info in found}
    assert names - {"hf", "none"} == PROVIDERS


@pytest.mark.parametrize(
    "ref", ["", " ", "gpt-4o", "opneai/gpt-4o", "runs/missing", "precepts/other", "run:", "openai/"]
)
def test_an_unknown_form_lists_the_forms(here: Path, ref: str):
    for reads in (model_path, model_name, open_model):
        with pytest.raises(InputError) as raised:
            reads(ref)
        assert FORMS in str(raised.value)


def test_a_run_that_is_not_trained_says_what_trains_it(here: Path):
    with pytest.raises(MissingError, match="precepts align sft runs/planned"):
        model_path("run:runs/planned")
    with pytest.raises(MissingError, match="precepts align sft runs/planned"):
        open_model("runs/planned")


@pytest.mark.parametrize(
    ("ref", "error", "says"),
    [
        ("run:nowhere", MissingError, "no directory nowhere"),
        ("run:empty", InputError, "not a run directory"),
        ("empty", InputError, "neither of a model"),
        ("hf/./nowhere", MissingError, "no config.json"),
        ("hf/a/b/c", MissingError, "ORG/NAME"),
    ],
)
def test_what_is_not_there_is_named(here: Path, ref: str, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        model_path(ref)


def test_weights_that_are_no_safetensors_are_refused(here: Path):
    os.replace("model/model.safetensors", "model/pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        model_path("model")


def test_the_hub_is_asked_for_safetensors_and_tokenizer_only(here: Path, monkeypatch: pytest.MonkeyPatch):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(here / "model")

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert model_path("hf/some/name") == here / "model"
    assert model_name("hf/some/name") == "hf/some/name"
    [(name, patterns)] = asked
    assert name == "some/name"
    assert "*.safetensors" in patterns
    assert not any(p in patterns for p in ("*", "*.bin", "*.py", "*.pt"))


def test_offline_the_hub_says_what_to_do(here: Path, monkeypatch: pytest.MonkeyPatch):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(here / "hub"))
    with pytest.raises(MissingError, match="give a directory that holds the model"):
        model_path("hf/some-organisation/some-model-of-theirs")


@pytest.mark.parametrize(
    ("error", "says"), [("GatedRepoError", "terms"), ("RepositoryNotFoundError", "Check the name")]
)
def test_a_gated_or_unknown_hub_model_says_so(monkeypatch: pytest.MonkeyPatch, error: str, says: str):
    hub = pytest.importorskip("huggingface_hub")
    import httpx

    response = httpx.Response(404, request=httpx.Request("GET", "https://example.org"))

    def download(name: str, **_: object) -> str:
        raise getattr(hub.errors, error)("no", response=response)

    monkeypatch.setattr(hub, "snapshot_download", download)
    with pytest.raises(MissingError, match=says):
        model_path("hf/some/name")


def test_open_model_gives_a_local_engine_with_the_references_name(tiny_run: Path, float32: None):
    model = open_model(f"run:{tiny_run}")
    assert model.name == f"run:{tiny_run}"
    assert type(model).__name__ == "Engine"


def test_open_model_gives_a_client_of_a_provider():
    assert type(open_model("mockllm/model")).__name__ == "InspectModel"


def test_a_provider_that_lacks_its_key_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MOONSHOT_API_KEY", raising=False)
    with pytest.raises(MissingError, match="moonshot/some-model cannot be used"):
        open_model("moonshot/some-model")
