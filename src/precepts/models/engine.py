"""The generation engine for models that run here: planned batches, shared-prefix cache, stop reasons, forward-only scores.

Shapes: B rows of a batch, T tokens, V vocabulary.

Rows are left-padded. What all rows of a batch begin with (a system prompt, a policy brief) is run once, and its keys and values
are held once for all rows and for the next batch that begins alike (`models.prefix`). Rows that ended leave the batch, so the rest go faster.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from precepts.errors import InputError, MissingError
from precepts.models.format import OPENING
from precepts.models.generation import Conversation, Generated, Sampling
from precepts.models.memory import keep_freed_memory
from precepts.models.openers import opener_tree
from precepts.models.prefix import Prefix, enable, shared
from precepts.types import StopReason

SETTINGS = "precepts.json"
"""Beside a trained model's weights: the opening it was trained to write and the calibrated verdict biases."""

_MIN_PREFIX = 16
_PREFILL_TOKENS = 4096


class VerdictBias(NamedTuple):
    """Nats added to the first token of a verdict, calibrated on the dev split; comply is the reference at 0."""

    refuse: float = 0.0
    safe_complete: float = 0.0


class _Rows(NamedTuple):
    prefix: Prefix | None
    cache: DynamicCache
    mask_BT: Tensor
    positions_B: Tensor
    logits_BV: Tensor
    follows_B: Tensor | None = None


class Engine:
    """A causal language model held in memory. Satisfies `ScoringModel`."""

    def __init__(self, path: Path | str, *, name: str | None = None, device: str | None = None) -> None:
        """Loads a model directory.

        Raises:
            MissingError: If the directory holds no model.
        """
        keep_freed_memory()
        path = Path(path)
        if not (path / "config.json").exists():
            raise MissingError(
                f"{path} holds no model (no config.json). Give a model directory, a run, or a reference such as hf/ORG/NAME."
            )
        self.name = name or str(path)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        dtype = torch.bfloat16 if os.environ.get("PRECEPTS_DTYPE", "bfloat16") == "bfloat16" else torch.float32
        self.tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        if not self.tokenizer.chat_template:
            raise InputError(
                f"{self.name} has no chat template, so it cannot answer conversations. Use an instruct model."
            )
        model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, trust_remote_code=False)
        self.model: Any = model.to(self.device).eval()
        settings = json.loads((path / SETTINGS).read_text("utf-8")) if (path / SETTINGS).exists() else {}
        self.opening: str | None = settings.get("opening")
        self.bias = VerdictBias(**settings.get("verdict_bias", {}))
        self.verdict_ids = {v: self._ids(f" {v}")[0] for v in ("refuse", "comply", "safe_complete")}
        eos = self.model.generation_config.eos_token_id
        self.eos_ids = sorted({*(eos if isinstance(eos, list) else [eos]), self.tokenizer.eos_token_id} - {None})
        self._shares = enable(self.model)
        self._prefix: Prefix | None = None

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def prompt_text(self, conversation: Conversation) -> str:
        """The conversation as the model reads it, up to where it answers."""
        turns = [
            {"role": "system" if m.role == "developer" else m.role, "content": self._defused(m.content)}
            for m in conversation
        ]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    def _defused(self, text: str) -> str:
        """The text with special tokens broken up, so that what a user writes can end no turn and begin none."""
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, f"{token[:1]}\u200b{token[1:]}")
        return text

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

        A trained model's opening is run together with the prompt and kept for the rows that would have written it anyway (checked token
        by token); the others write freely. So the verdict's log-odds come with generation.
        """
        if not conversations:
            return []
        prompts = [self.prompt_text(c) for c in conversations]
        seeds = seeds or range(len(prompts))
        if prefills is not None:
            return self._write([p + f for p, f in zip(prompts, prefills, strict=True)], sampling, seeds, heads=prefills)
        if self.opening is None:
            return self._write(prompts, sampling, seeds, heads=[""] * len(prompts))
        tail = self._ids(self.opening)
        rows = self._prefill([self._ids(p) + tail for p in prompts], tail=tail)
        follows = rows.follows_B.tolist() if rows.follows_B is not None else []
        yes, no = ([i for i, f in enumerate(follows) if f is wanted] for wanted in (True, False))
        out: list[Generated | None] = [None] * len(prompts)
        if yes:
            picked = self._select(rows, yes)
            for i, result in zip(
                yes,
                self._decode(picked, sampling, [seeds[i] for i in yes], heads=[self.opening] * len(yes), decide=True),
                strict=True,
            ):
                out[i] = result
        if no:
            for i, result in zip(
                no,
                self._write([prompts[i] for i in no], sampling, [seeds[i] for i in no], heads=[""] * len(no)),
                strict=True,
            ):
                out[i] = result
        return [result for result in out if result is not None]

    def _write(
        self, texts: list[str], sampling: Sampling, seeds: Sequence[int], *, heads: Sequence[str]
    ) -> list[Generated]:
        return self._decode(self._prefill([self._ids(t) for t in texts]), sampling, seeds, heads=heads)

    def _decode(
        self, rows: _Rows, sampling: Sampling, seeds: Sequence[int], *, heads: Sequence[str], decide: bool = False
    ) -> list[Generated]:
        count = len(heads)
        decisions: list[float | None] = [None] * count
        generators = [torch.Generator().manual_seed(seed) for seed in seeds] if sampling.temperature > 0 else None
        tokens: list[list[int]] = [[] for _ in heads]
        reasons: list[StopReason] = ["length"] * count
        alive = list(range(count))
        for step in range(sampling.max_tokens):
            logits_BV = rows.logits_BV.float()
            if decide and step == 0:
                decisions = self._decide(logits_BV)
            chosen = _choose(logits_BV, sampling, [generators[i] for i in alive] if generators else None)
            for row, token in zip(alive, chosen.tolist(), strict=True):
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
            rows = self._step(rows, chosen)
        bodies = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            Generated(text=head + body, stop_reason=reason, num_tokens=len(ids), decision=decision)
            for head, body, reason, ids, decision in zip(heads, bodies, reasons, tokens, decisions, strict=True)
        ]

    def _decide(self, logits_BV: Tensor) -> list[float | None]:
        """Log-odds of refuse against comply, before calibration; then adds the calibrated biases in place."""
        ids = self.verdict_ids
        decision_B = logits_BV[:, ids["refuse"]] - logits_BV[:, ids["comply"]]
        logits_BV[:, ids["refuse"]] += self.bias.refuse
        logits_BV[:, ids["safe_complete"]] += self.bias.safe_complete
        return decision_B.tolist()

    # --- forward only ---------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def log_probs(self, conversations: Sequence[Conversation], continuations: Sequence[str]) -> list[float]:
        """Mean log-probability (nats a token) of each continuation after its conversation; an empty one gives -inf."""
        return self.log_probs_of_text([self.prompt_text(c) for c in conversations], continuations)

    @torch.inference_mode()
    def log_probs_of_text(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """As `log_probs`, for prompts already rendered."""
        heads = [self._ids(p) for p in prompts]
        tails = [self._ids(c) for c in continuations]
        out = [-math.inf] * len(heads)
        for batch in _by_length([len(h) + len(t) for h, t in zip(heads, tails, strict=True)]):
            ids_BT, mask_BT = _right_padded([heads[i] + tails[i] for i in batch], self.device)
            hidden = self.model.model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
            for b, i in enumerate(batch):
                if not tails[i]:
                    continue
                start, end = len(heads[i]), len(heads[i]) + len(tails[i])
                logits_TV = self.model.lm_head(hidden[b, start - 1 : end - 1]).float()
                picked = logits_TV.log_softmax(-1).gather(-1, ids_BT[b, start:end, None])
                out[i] = float(picked.mean())
        return out

    @torch.inference_mode()
    def hidden_states(self, texts: Sequence[str], *, layer: int) -> Tensor:
        """Features for a probe, shape (B, 2·hidden), float32: the last token's state and the mean over tokens, after `layer` layers."""
        ids = [self._ids(t) for t in texts]
        out: list[Tensor | None] = [None] * len(ids)
        decoder = self.model.model
        layers, norm = decoder.layers, decoder.norm
        decoder.layers, decoder.norm = layers[:layer], torch.nn.Identity()
        try:
            for batch in _by_length([len(i) for i in ids]):
                ids_BT, mask_BT = _right_padded([ids[i] for i in batch], self.device)
                states = (
                    decoder(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state.float().cpu()
                )
                for b, i in enumerate(batch):
                    rows_TD = states[b, : len(ids[i])]
                    out[i] = torch.cat([rows_TD[-1], rows_TD.mean(0)])
        finally:
            decoder.layers, decoder.norm = layers, norm
        width = 2 * self.model.config.hidden_size
        return torch.stack([row for row in out if row is not None]) if out else torch.zeros((0, width))

    @torch.inference_mode()
    def decisions(self, conversations: Sequence[Conversation]) -> list[list[float]]:
        """Log-probabilities (nats) of refuse, comply and safe_complete right after the opening, forward only."""
        prompts = [self.prompt_text(c) + (self.opening or OPENING) for c in conversations]
        ids = [self._ids(p) for p in prompts]
        out: list[list[float]] = [[] for _ in ids]
        wanted = torch.tensor([self.verdict_ids[v] for v in ("refuse", "comply", "safe_complete")], device=self.device)
        for batch in _by_length([len(i) for i in ids]):
            logits_BV = self._last_logits([ids[i] for i in batch])
            for b, i in enumerate(batch):
                out[i] = logits_BV[b].log_softmax(-1)[wanted].tolist()
        return out

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
        rows = self._prefill([self._ids(t) for t in texts])
        tree = opener_tree(self._ids)
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

    def _last_logits(self, ids: list[list[int]]) -> Tensor:
        ids_BT, mask_BT = _right_padded(ids, self.device)
        hidden = self.model.model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        last = torch.tensor([len(i) - 1 for i in ids], device=self.device)
        return self.model.lm_head(hidden[torch.arange(len(ids), device=self.device), last]).float()

    # --- the cache ------------------------------------------------------------------------------------------------

    def _select(self, rows: _Rows, keep: list[int]) -> _Rows:
        """The kept rows alone; the others' cache is let go."""
        if len(keep) == len(rows.mask_BT):
            return rows
        index = torch.tensor(keep, device=self.device)
        rows.cache.batch_select_indices(index)
        return _Rows(rows.prefix, rows.cache, rows.mask_BT[index], rows.positions_B[index], rows.logits_BV[index])

    def _prefill(self, ids: list[list[int]], *, tail: list[int] | None = None) -> _Rows:
        """Runs the prompts. `tail` is what all end with: `follows_B` then says where greedy decoding would have written just that."""
        start = _common_prefix(ids, own=len(tail or []) + 1) if self._shares else ()
        prefix = self._run_once(start) if len(start) >= _MIN_PREFIX else None
        begun = len(prefix.ids) if prefix else 0
        rest = [row[begun:] for row in ids]
        width = max(len(row) for row in rest)
        ids_BT = torch.full((len(rest), width), self.eos_ids[0], dtype=torch.long)
        mask_BT = torch.zeros((len(rest), width), dtype=torch.long)
        for b, row in enumerate(rest):
            ids_BT[b, width - len(row) :] = torch.tensor(row)
            mask_BT[b, width - len(row) :] = 1
        ids_BT, mask_BT = ids_BT.to(self.device), mask_BT.to(self.device)
        position_BT = (mask_BT.cumsum(-1) - 1).clamp(min=0) + begun
        cache = DynamicCache(config=self.model.config)
        states_BTD = self._states(prefix, cache, ids_BT, mask_BT, position_BT)
        logits_BV = self.model.lm_head(states_BTD[:, -1])
        follows_B = None
        if tail:
            before_BTD = states_BTD[:, -len(tail) - 1 : -1]
            guess_BT = torch.stack([self.model.lm_head(before_BTD[:, t]).argmax(-1) for t in range(len(tail))], dim=1)
            follows_B = (guess_BT == torch.tensor(tail, device=self.device)).all(-1)
        return _Rows(prefix, cache, mask_BT, position_BT[:, -1], logits_BV, follows_B)

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


def _choose(logits_BV: Tensor, sampling: Sampling, generators: list[torch.Generator] | None) -> Tensor:
    if generators is None:
        return logits_BV.argmax(-1)
    probs_BV = (logits_BV / sampling.temperature).softmax(-1).cpu()
    if sampling.top_p < 1:
        ranked, order = probs_BV.sort(-1, descending=True)
        ranked[ranked.cumsum(-1) - ranked >= sampling.top_p] = 0
        probs_BV = torch.zeros_like(probs_BV).scatter(-1, order, ranked)
    drawn = [torch.multinomial(row, 1, generator=g) for row, g in zip(probs_BV, generators, strict=True)]
    return torch.cat(drawn).to(logits_BV.device)


def _common_prefix(ids: list[list[int]], *, own: int) -> tuple[int, ...]:
    """What all rows begin with, leaving each row at least `own` tokens of its own."""
    limit = min(len(row) for row in ids) - own
    length = 0
    while length < limit and all(row[length] == ids[0][length] for row in ids):
        length += 1
    return tuple(ids[0][:length])


def _right_padded(ids: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in ids)
    ids_BT = torch.zeros((len(ids), width), dtype=torch.long)
    mask_BT = torch.zeros((len(ids), width), dtype=torch.long)
    for b, row in enumerate(ids):
        ids_BT[b, : len(row)] = torch.tensor(row)
        mask_BT[b, : len(row)] = 1
    return ids_BT.to(device), mask_BT.to(device)


def _by_length(lengths: list[int]) -> list[list[int]]:
    """Row indices in batches of similar length, at most `_PREFILL_TOKENS` padded tokens each."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[i] > _PREFILL_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches
