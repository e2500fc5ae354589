"""Reading gates and risk policies from YAML, and the risk policies that ship."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from precepts.cards.decide.gates import Gates
from precepts.cards.decide.risk import RiskPolicy
from precepts.errors import InputError
from precepts.policy.document import NodePath, read_document
from precepts.policy.schema import suggestion

_SHIPPED = Path(__file__).parent / "policies"
_GATES_HINT = "begin from the example: precepts gate --example > gates.yaml"
_RISK_HINT = "begin from the blank one: precepts risk show blank > risk.yaml"
_MOST_SHOWN = 10

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def load_gates(path: Path | str) -> Gates:
    """The gates in a YAML file.

    Raises:
        MissingError: If there is no such file.
        InputError: If they are not gates: one `path:line: what` per problem.
    """
    return _load(Path(path), Gates, _GATES_HINT)


def load_risk(path: Path | str) -> RiskPolicy:
    """The risk policy in a YAML file, or the shipped one of that name.

    Raises:
        MissingError: If there is neither.
        InputError: If it is not a risk policy: one `path:line: what` per problem.
    """
    return _load(risk_path(path), RiskPolicy, _RISK_HINT)


def risk_path(path: Path | str) -> Path:
    """The file of a risk policy given by path or by the name of a shipped one."""
    return shipped_risk(str(path)) if str(path) in shipped_risks() and not Path(path).exists() else Path(path)


def shipped_risks() -> tuple[str, ...]:
    """The names of the risk policies that ship."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml") if path.stem != "gates"))


def shipped_risk(name: str) -> Path:
    """Where a shipped risk policy stands.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in shipped_risks():
        hint = suggestion(name, shipped_risks())
        raise InputError(f"No risk policy named {name!r} ships{hint}; there are: {', '.join(shipped_risks())}.")
    return _SHIPPED / f"{name}.yaml"


def example_gates() -> Path:
    """Where the example of gates stands: those of a run of `precepts align`."""
    return _SHIPPED / "gates.yaml"


def _load(path: Path, model: type[AnyModel], hint: str) -> AnyModel:
    document = read_document(path, typed=True, hint=hint)
    found: list[tuple[int, str]] = list(document.problems.values())
    if not found:
        try:
            return model.model_validate(document.value)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                at: NodePath = tuple(item["loc"])
                if at and at[-1] == "[key]":
                    at = at[:-1]
                name = ".".join(str(step) for step in at)
                what = item["msg"].removeprefix("Value error, ")
                what = _unknown(what, item["type"], at, model)
                found.append((document.line(at) or 1, f"`{name}`: {what}" if name else what))
    found.sort(key=lambda problem: problem[0])
    lines = [str(InputError.at(path, line, what)) for line, what in found[:_MOST_SHOWN]]
    if len(found) > _MOST_SHOWN:
        lines.append(f"{path}: and {len(found) - _MOST_SHOWN} more")
    raise InputError("\n".join(lines))


def _unknown(what: str, kind: str, at: NodePath, model: type[BaseModel]) -> str:
    """The message, with the nearest key for one that is unknown."""
    if kind != "extra_forbidden":
        return "it is missing; add it" if kind == "missing" else what[0].lower() + what[1:]
    known: set[str] = set()
    stack: list[type[BaseModel]] = [model]
    while stack:
        fields = stack.pop().model_fields
        known |= set(fields)
        for field in fields.values():
            stack += [one for one in _models_in(field.annotation) if not known >= set(one.model_fields)]
    return f"there is no such key here{suggestion(str(at[-1]), known)}"


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    inner: tuple[object, ...] = getattr(annotation, "__args__", ())
    return [found for one in inner for found in _models_in(one)]
