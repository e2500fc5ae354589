"""The provider `precepts`, as Inspect knows it. Loads neither torch nor transformers."""

from inspect_ai.model import ModelAPI, modelapi


@modelapi(name="precepts")
def precepts() -> type[ModelAPI]:
    """Serves `precepts/smollm2-135m` and `precepts/run:PATH`."""
    from precepts.models.provider import PreceptsAPI

    return PreceptsAPI
