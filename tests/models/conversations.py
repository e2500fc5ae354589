"""Conversations written short."""

from precepts.types import Message


def turns(*pairs: tuple[str, str]) -> list[Message]:
    return [Message.model_validate({"role": role, "content": content}) for role, content in pairs]
