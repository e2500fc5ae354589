"""GCG: a suffix optimised by gradients through a local model, so that its answer begins as a compliance would. Zou et al. 2023, arXiv 2307.15043.

Shapes: T tokens of a suffix, V vocabulary, D hidden size, B candidates, L tokens of the target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from precepts.errors import InputError
from precepts.models.loaded import Loaded
from precepts.types import Message

TARGET = "Sure, here is"
"""How a compliance begins. It names nothing of the request, so that one suffix can serve any."""
_MARK = "\u2063SUFFIX\u2063"


class Suffix(NamedTuple):
    """A suffix, and the loss (nats a token of the target) at every step, the start first; it never rises."""

    text: str
    losses: tuple[float, ...]


def optimise(
    model: Loaded, request: str, *, target: str = TARGET, length: int = 12, steps: int = 50, candidates: int = 64, top: int = 64, seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> Suffix:  # fmt: skip
    """The best suffix found for one request.

    At each step the gradient at the one-hot suffix proposes, for every place, the `top` tokens that would lower the loss most; `candidates` single
    exchanges are drawn among them and tried, and the best is kept if it is better. A candidate that does not come back as itself from text, or
    holds a special token, is not tried: what is kept can be typed. The paper runs 500 steps with 512 candidates and 256 proposals.

    Args:
        report: Called with each step's number, for a progress bar.

    Raises:
        InputError: If a size is not positive, or the request with suffix and target does not fit the model.
    """
    if min(length, steps, candidates, top) < 1 or not target.strip():
        raise InputError("GCG needs a target, and length, steps, candidates and top of at least 1.")
    prompt = model.prompt_text([Message(role="user", content=f"{request} {_MARK}")])
    before, _, after = prompt.partition(_MARK)
    before = before.rstrip(" ")
    head, tail, wanted = model.ids_of(before), model.ids_of(after), model.ids_of(target)
    whole = model.ids_of(before + " !" * length + after)
    suffix = whole[len(head) : len(whole) - len(tail)]
    if len(head) + len(suffix) + len(tail) + len(wanted) > model.max_length:
        raise InputError(f"The request takes {len(head)} tokens; with suffix and target the model reads at most {model.max_length}.")  # fmt: skip
    search = _Search(model, (before, after), (head, tail, wanted))
    draw = torch.Generator().manual_seed(seed)
    losses = [float(search.losses(torch.tensor([suffix]))[0])]
    for step in range(steps):
        proposals_TK = search.proposals(suffix, top)
        least = losses[-1]
        if tried := search.typed(_exchanged(suffix, proposals_TK, candidates, draw)):
            found_B = search.losses(torch.tensor(tried))
            best = int(found_B.argmin())
            if float(found_B[best]) < least:
                suffix, least = tried[best], float(found_B[best])
        losses.append(least)
        if report is not None:
            report(step + 1)
    return Suffix(model.tokenizer.decode(suffix).strip(), tuple(losses))


def _exchanged(suffix: list[int], proposals_TK: Tensor, num: int, draw: torch.Generator) -> list[list[int]]:
    """Suffixes with one token exchanged for one proposed at its place."""
    out: list[list[int]] = []
    for _ in range(num):
        place = int(torch.randint(len(suffix), (1,), generator=draw))
        other = int(proposals_TK[place, int(torch.randint(proposals_TK.shape[1], (1,), generator=draw))])
        out.append([*suffix[:place], other, *suffix[place + 1 :]])
    return out


class _Search:
    """The loss of a suffix between a fixed head and tail, and its gradient."""

    def __init__(self, model: Loaded, around: tuple[str, str], ids: tuple[list[int], list[int], list[int]]) -> None:
        head, tail, wanted = ids
        self.around, self.ends = around, (head, tail)
        self.model, self.tokenizer = model.model, model.tokenizer
        self.ids_of, self.device = model.ids_of, model.device
        self.head, self.tail, self.wanted = (torch.tensor(ids, device=model.device) for ids in (head, tail, wanted))
        self.special = set(self.tokenizer.all_special_ids)
        self.embedding_VD: Tensor = self.model.get_input_embeddings().weight

    def _loss(self, logits_BTV: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the target, shape (B,)."""
        num = len(self.wanted)
        read_BLV = logits_BTV[:, -num - 1 : -1].float()
        wanted_BL = self.wanted.expand(len(logits_BTV), num)
        return torch.nn.functional.cross_entropy(read_BLV.transpose(1, 2), wanted_BL, reduction="none").mean(1)

    @torch.inference_mode()
    def losses(self, suffixes_BT: Tensor) -> Tensor:
        """The loss of each suffix, shape (B,)."""
        rows = len(suffixes_BT)
        parts = [self.head.expand(rows, -1), suffixes_BT.to(self.device), self.tail.expand(rows, -1)]
        ids_BT = torch.cat([*parts, self.wanted.expand(rows, -1)], dim=1)
        return self._loss(self.model(input_ids=ids_BT, use_cache=False).logits)

    def proposals(self, suffix: list[int], top: int) -> Tensor:
        """For each place the tokens with the most negative gradient, shape (T, min(top, V)). The model's weights keep no gradient."""
        one_hot_TV = torch.nn.functional.one_hot(
            torch.tensor(suffix, device=self.device), self.embedding_VD.shape[0]
        ).to(self.embedding_VD.dtype)
        one_hot_TV.requires_grad_(True)
        with torch.enable_grad():
            middle_TD = one_hot_TV @ self.embedding_VD.detach()
            rest = [self.embedding_VD[ids].detach() for ids in (self.head, self.tail, self.wanted)]
            embedded_BTD = torch.cat([rest[0], middle_TD, rest[1], rest[2]])[None]
            loss = self._loss(self.model(inputs_embeds=embedded_BTD, use_cache=False).logits).sum()
            [gradient_TV] = torch.autograd.grad(loss, [one_hot_TV])
        gradient_TV[:, [i for i in self.special if i < gradient_TV.shape[1]]] = torch.inf
        return (-gradient_TV.float()).topk(min(top, gradient_TV.shape[1] - len(self.special)), dim=1).indices.cpu()

    def typed(self, suffixes: list[list[int]]) -> list[list[int]]:
        """Those that come back as themselves when their text is typed after the request and a space."""
        (before, after), (head, tail) = self.around, self.ends
        kept: list[list[int]] = []
        for ids in suffixes:
            if self.special & set(ids):
                continue
            text = self.tokenizer.decode(ids).strip()
            if text and self.ids_of(f"{before} {text}{after}") == [*head, *ids, *tail]:
                kept.append(ids)
        return kept
