"""The generation engine for models that run here: planned batches, shared-prefix cache, stop reasons, refusal openers.

Shapes: B rows of a batch, T tokens, V vocabulary.

Rows are left-padded. What all rows of a batch begin with (a system prompt, a policy brief) is run once, and its keys and values
are held once for all rows and for the next batch that begins alike (`models.prefix`). Rows that ended leave the batch, so the rest go faster.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from precepts.models.answering import NEVER, Row
from precepts.models.batching import PREFILL_TOKENS, choose, common_prefix, left_padded, tight
from precepts.models.families import families, in_batches
from precepts.models.generation import Conversation, Generated, Sampling
from precepts.models.loaded import SETTINGS, Loaded, VerdictBias
from precepts.models.openers import opener_tree
from precepts.models.prefix import Prefix, shared
from precepts.types import StopReason

__all__ = ["SETTINGS", "Engine", "VerdictBias"]

_MIN_PREFIX = 16


class _Rows(NamedTuple):
    prefix: Prefix | None
    cache: DynamicCache
    mask_BT: Tensor
    positions_B: Tensor
    logits_BV: Tensor


class Engine(Loaded):
    """A causal language model held in memory that writes. Satisfies `ScoringModel`."""

    def __init__(self, path: Path | str, *, name: str | None = None, device: str | None = None) -> None:
        """Loads a model directory.

        Raises:
            MissingError: If the directory holds no model.
        """
        super().__init__(path, name=name, device=device)
        self._prefix: Prefix | None = None

    @torch.no_grad()
    def refresh(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Takes new weights for some of the decoder's parameters, by name; what was kept of the old ones is forgotten."""
        own = self.model.model.state_dict()
        for name, value in weights:
            own[name].copy_(value)
        self._prefix = None

    # --- generation -----------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def generate(
        self,
        conversations: Sequence[Conversation],
        *,
        sampling: Sampling,
        seeds: Sequence[int] | None = None,
        prefills: Sequence[str] | None = None,
    ) -> list[Generated]:
        """One result a conversation, in order.

        A trained model's opening stands before its answer, as in the generation prompt of other reasoning models, so the verdict's
        log-odds come with generation; and it may neither end before it answers nor begin its reasoning again (`answering`).
        """
        prompts = [self.prompt_text(c) for c in conversations]
        seeds = seeds or range(len(prompts))
        lengths = [self.length_of(p) + sampling.max_tokens for p in prompts]
        fits = [i for i, length in enumerate(lengths) if length <= self.max_length]
        if len(fits) < len(prompts):
            some = self.generate(
                [conversations[i] for i in fits],
                sampling=sampling,
                seeds=[seeds[i] for i in fits],
                prefills=None if prefills is None else [prefills[i] for i in fits],
            )
            found = dict(zip(fits, some, strict=True))
            return [found.get(i) or _too_long(length, self.max_length) for i, length in enumerate(lengths)]
        if not prompts:
            return []
        heads = list(prefills) if prefills is not None else [self.opening or ""] * len(prompts)
        decide = prefills is None and self.opening is not None
        rows = self._prefill([self.ids_of(p) + self.ids_of(head) for p, head in zip(prompts, heads, strict=True)])
        return self._decode(rows, sampling, seeds, heads=heads, decide=decide)

    def _decode(
        self, rows: _Rows, sampling: Sampling, seeds: Sequence[int], *, heads: Sequence[str], decide: bool = False
    ) -> list[Generated]:
        count = len(heads)
        decisions: list[float | None] = [None] * count
        generators = [torch.Generator().manual_seed(seed) for seed in seeds] if sampling.temperature > 0 else None
        tokens: list[list[int]] = [[] for _ in heads]
        written: list[list[int]] = [[] for _ in heads]
        reasons: list[StopReason] = ["length"] * count
        alive = list(range(count))
        counts_BV = torch.zeros_like(rows.logits_BV, dtype=torch.int16) if sampling.frequency_penalty else None
        rules = [Row(self.answering) for _ in heads] if decide else None
        for step in range(sampling.max_tokens):
            logits_BV = rows.logits_BV.float()
            if decide and step == 0:
                decisions = self._decide(logits_BV)
            if counts_BV is not None:
                logits_BV -= sampling.frequency_penalty * counts_BV
            if rules is not None and (pairs := [(k, t) for k, row in enumerate(alive) for t in rules[row].forbidden()]):
                places, never = zip(*pairs, strict=True)
                logits_BV[list(places), list(never)] += NEVER
            chosen = choose(logits_BV, sampling, [generators[i] for i in alive] if generators else None)
            for row, token in zip(alive, chosen.tolist(), strict=True):
                written[row].append(token)
                if rules is not None:
                    rules[row].wrote(token)
                if token in self.eos_ids:
                    reasons[row] = "stop"
                else:
                    tokens[row].append(token)
            keep = [k for k, row in enumerate(alive) if reasons[row] != "stop"]
            if not keep or step == sampling.max_tokens - 1:
                break
            if len(keep) < len(alive):
                rows, chosen = self._select(rows, keep), chosen[keep]
                alive = [alive[k] for k in keep]
                counts_BV = counts_BV[keep] if counts_BV is not None else None
            if counts_BV is not None:
                counts_BV.scatter_add_(1, chosen[:, None], torch.ones_like(counts_BV[:, :1]))
            rows = self._step(rows, chosen)
        bodies = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            Generated(head + body, stop_reason=reason, num_tokens=len(ids), decision=decision, ids=tuple(all_ids))
            for head, body, reason, ids, all_ids, decision in zip(
                heads, bodies, reasons, tokens, written, decisions, strict=True
            )
        ]

    def _decide(self, logits_BV: Tensor) -> list[float | None]:
        """Log-odds of refuse against comply, before calibration; then adds the calibrated biases in place."""
        ids = self.verdict_ids
        decision_B = logits_BV[:, ids["refuse"]] - logits_BV[:, ids["comply"]]
        logits_BV[:, ids["refuse"]] += self.bias.refuse
        logits_BV[:, ids["safe_complete"]] += self.bias.safe_complete
        return decision_B.tolist()

    @torch.inference_mode()
    def openers(self, conversations: Sequence[Conversation], *, prefills: Sequence[str] | None = None) -> list[float]:
        """Log-odds that the answer opens with a refusal (`openers.REFUSALS`) against anything else.

        The prompt runs once; each path of the opener tree is then tried on its cache, which is cut back after it.
        """
        if not conversations:
            return []
        texts = [self.prompt_text(c) for c in conversations]
        if prefills is not None:
            texts = [t + f for t, f in zip(texts, prefills, strict=True)]
        rows = self._prefill([self.ids_of(t) for t in texts])
        tree = opener_tree(self.ids_of)
        total_B = torch.zeros(len(texts), device=self.device)
        reach: dict[tuple[int, ...], Tensor] = {(): torch.zeros(len(texts), device=self.device)}
        for path in sorted(tree):
            logits_BV = self._after(rows, path) if path else rows.logits_BV
            log_BV = logits_BV.float().log_softmax(-1)
            if path:
                rows.cache.crop(-len(path))
            for token in tree[path].inner:
                reach[(*path, token)] = reach[path] + log_BV[:, token]
            if tree[path].ends:
                total_B += (reach[path][:, None] + log_BV[:, tree[path].ends]).exp().sum(-1)
        p_B = total_B.double().clamp(1e-9, 1 - 1e-9)
        return (p_B.log() - torch.log1p(-p_B)).tolist()

    def _after(self, rows: _Rows, path: tuple[int, ...]) -> Tensor:
        """Logits after all rows wrote the same few tokens."""
        count = len(rows.mask_BT)
        ids_BT = torch.tensor([path], device=self.device).expand(count, -1)
        mask_BT = torch.cat([rows.mask_BT, torch.ones_like(ids_BT)], dim=1)
        position_BT = rows.positions_B[:, None] + torch.arange(1, len(path) + 1, device=self.device)
        states_BTD = self._states(rows.prefix, rows.cache, ids_BT, mask_BT, position_BT)
        return self.model.lm_head(states_BTD[:, -1])

    def _last_logits(self, ids: list[list[int]], start: tuple[int, ...]) -> Tensor:
        """As generation begins: what all rows begin with runs once."""
        return self._prefill(ids, start=start).logits_BV.float()

    @torch.inference_mode()
    def log_probs_of_text(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """As in `Loaded`. Continuations of one token, such as a judge's Yes and No, are read at the end of their prompt:

        each prompt runs once, what all begin with once for all, and what some go on with (a conversation and its answers) once for those.
        """
        tails = [self.ids_of(c) for c in continuations]
        unique = {prompt: self.ids_of(prompt) for prompt in dict.fromkeys(prompts)}
        start = common_prefix(list(unique.values()), own=1) if len(unique) > 1 and self.shares_prefix else ()
        if len(start) < _MIN_PREFIX or any(len(tail) != 1 for tail in tails):
            return super().log_probs_of_text(prompts, continuations)
        place = {text: row for row, text in enumerate(unique)}
        wanted: list[set[int]] = [set() for _ in unique]
        for prompt, tail in zip(prompts, tails, strict=True):
            wanted[place[prompt]].add(tail[0])
        found = self._ends(list(unique.values()), start, wanted)
        return [found[place[prompt]][tail[0]] for prompt, tail in zip(prompts, tails, strict=True)]

    def _ends(
        self, ids: list[list[int]], start: tuple[int, ...], wanted: Sequence[Collection[int]]
    ) -> list[dict[int, float]]:
        """Log-probabilities of each row's wanted tokens at its end; a family's own beginning runs once for the family."""
        out: list[dict[int, float]] = [{} for _ in ids]

        def read(rows: Sequence[int], logits_BV: Tensor) -> None:
            log_BV = logits_BV.float().log_softmax(-1)
            for row, log_V in zip(rows, log_BV, strict=True):
                out[row] = {token: float(log_V[token]) for token in wanted[row]}

        found = families(ids, begun=len(start))
        alone = [family.rows[0] for family in found if len(family.rows) == 1]
        for batch in tight([len(ids[row]) - len(start) for row in alone], self.device):
            rows = [alone[i] for i in batch]
            read(rows, self._prefill([ids[row] for row in rows], start=start, fused=True).logits_BV)
        for some in in_batches([f for f in found if len(f.rows) > 1], ids, begun=len(start), most=PREFILL_TOKENS):
            begun = self._prefill([ids[family.rows[0]][: family.end] for family in some], start=start, fused=True)
            rows = [row for family in some for row in family.rows]
            of = [place for place, family in enumerate(some) for _ in family.rows]
            ends = [ids[row][some[place].end :] for row, place in zip(rows, of, strict=True)]
            read(rows, self._go_on(begun, of, ends))
        return out

    def _go_on(self, begun: _Rows, of: Sequence[int], ends: Sequence[list[int]]) -> Tensor:
        """Logits at the end of rows that each go on from one of those begun, which are let go."""
        index = torch.tensor(of, device=self.device)
        begun.cache.batch_select_indices(index)
        ids_BT, own_BT = left_padded(ends, self.eos_ids[0], self.device)
        position_BT = begun.positions_B[index][:, None] + own_BT.cumsum(-1)
        mask_BT = torch.cat([begun.mask_BT[index], own_BT], dim=1)
        states_BTD = self._states(begun.prefix, begun.cache, ids_BT, mask_BT, position_BT)
        return self.model.lm_head(states_BTD[:, -1])

    # --- the cache ------------------------------------------------------------------------------------------------

    def _select(self, rows: _Rows, keep: list[int]) -> _Rows:
        """The kept rows alone; the others' cache is let go."""
        if len(keep) == len(rows.mask_BT):
            return rows
        index = torch.tensor(keep, device=self.device)
        rows.cache.batch_select_indices(index)
        return _Rows(rows.prefix, rows.cache, rows.mask_BT[index], rows.positions_B[index], rows.logits_BV[index])

    def _prefill(self, ids: list[list[int]], *, start: tuple[int, ...] | None = None, fused: bool = False) -> _Rows:
        """Runs the prompts; `start` is what all of them begin with, found if it is not given; `fused` as in `Prefix`."""
        if start is None:
            start = common_prefix(ids, own=1) if self.shares_prefix else ()
        prefix = self._run_once(start)._replace(fused=fused) if len(start) >= _MIN_PREFIX else None
        begun = len(prefix.ids) if prefix else 0
        ids_BT, mask_BT = left_padded([row[begun:] for row in ids], self.eos_ids[0], self.device)
        position_BT = (mask_BT.cumsum(-1) - 1).clamp(min=0) + begun
        cache = DynamicCache(config=self.model.config)
        states_BTD = self._states(prefix, cache, ids_BT, mask_BT, position_BT)
        logits_BV = self.model.lm_head(states_BTD[:, -1])
        return _Rows(prefix, cache, mask_BT, position_BT[:, -1], logits_BV)

    def _step(self, rows: _Rows, tokens_B: Tensor) -> _Rows:
        mask_BT = torch.cat([rows.mask_BT, torch.ones_like(rows.mask_BT[:, :1])], dim=1)
        positions_B = rows.positions_B + 1
        states_BTD = self._states(rows.prefix, rows.cache, tokens_B[:, None], mask_BT, positions_B[:, None])
        return _Rows(rows.prefix, rows.cache, mask_BT, positions_B, self.model.lm_head(states_BTD[:, -1]))

    def _states(
        self, prefix: Prefix | None, cache: DynamicCache, ids_BT: Tensor, mask_BT: Tensor, position_BT: Tensor
    ) -> Tensor:
        """States of new tokens; the cache, the mask and its width are of what rows have beside the prefix."""
        with shared(self.model, prefix):
            out = self.model.model(
                input_ids=ids_BT,
                attention_mask=mask_BT,
                position_ids=position_BT,
                past_key_values=cache,
                use_cache=True,
            )
        return out.last_hidden_state

    def _run_once(self, ids: tuple[int, ...]) -> Prefix:
        """A prefix's keys and values; those of the last one are kept for the next batch that begins alike."""
        if self._prefix is None or self._prefix.ids != ids:
            once: Any = DynamicCache(config=self.model.config)
            self.model.model(input_ids=torch.tensor([ids], device=self.device), past_key_values=once, use_cache=True)
            self._prefix = Prefix(ids, [(layer.keys[0], layer.values[0]) for layer in once.layers])
        return self._prefix


def _too_long(length: int, limit: int) -> Generated:
    return Generated(
        text="", stop_reason="error", error=f"prompt and answer need {length} tokens; the model reads at most {limit}"
    )
