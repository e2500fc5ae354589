"""A model directory held in memory, and what can be read from it in one forward pass: log-probabilities, hidden states, decisions.

Shapes: B rows of a batch, T tokens, D hidden size, V vocabulary.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from precepts.errors import InputError, MissingError
from precepts.models.answering import Answering
from precepts.models.batching import by_length, common_prefix, right_padded, tight
from precepts.models.format import OPENING
from precepts.models.generation import Conversation
from precepts.models.memory import keep_freed_memory
from precepts.models.precision import precision
from precepts.models.prefix import enable

SETTINGS = "precepts.json"
"""Beside a trained model's weights: the opening it was trained to write and the calibrated verdict biases."""

_MOST_CHARACTERS = 32  # of a token, on average over a long text


class VerdictBias(NamedTuple):
    """Nats added to the first token of a verdict, calibrated on the dev split; comply is the reference at 0."""

    refuse: float = 0.0
    safe_complete: float = 0.0


class Loaded:
    """A causal language model and its tokenizer."""

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
        dtype = getattr(torch, precision())
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
        self.verdict_ids = {v: self.ids_of(f" {v}")[0] for v in ("refuse", "comply", "safe_complete")}
        self.max_length = int(getattr(self.model.config, "max_position_embeddings", None) or sys.maxsize)
        eos = self.model.generation_config.eos_token_id
        self.eos_ids = sorted({*(eos if isinstance(eos, list) else [eos]), self.tokenizer.eos_token_id} - {None})
        self.answering = Answering(tuple(self.ids_of("<think>")), tuple(self.eos_ids), self._text_of)
        self.shares_prefix = enable(self.model)

    def _text_of(self, token: int) -> str:
        return self.tokenizer.decode([token])

    def ids_of(self, text: str) -> list[int]:
        """Token ids of a text, special tokens and all."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def length_of(self, prompt: str) -> int:
        """Tokens of a prompt; of one that is far too long, its characters' least number of tokens."""
        least = len(prompt) // _MOST_CHARACTERS
        return least if least > self.max_length else len(self.ids_of(prompt))

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

    @torch.inference_mode()
    def log_probs(self, conversations: Sequence[Conversation], continuations: Sequence[str]) -> list[float]:
        """Mean log-probability (nats a token) of each continuation after its conversation; an empty one gives -inf."""
        return self.log_probs_of_text([self.prompt_text(c) for c in conversations], continuations)

    @torch.inference_mode()
    def log_probs_of_text(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """As `log_probs`, for prompts already rendered."""
        heads = [self.ids_of(p) for p in prompts]
        tails = [self.ids_of(c) for c in continuations]
        out = [-math.inf] * len(heads)
        for batch in by_length([len(h) + len(t) for h, t in zip(heads, tails, strict=True)]):
            ids_BT, mask_BT = right_padded([heads[i] + tails[i] for i in batch], self.device)
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
        ids = [self.ids_of(t) for t in texts]
        out: list[Tensor | None] = [None] * len(ids)
        decoder = self.model.model
        layers, norm = decoder.layers, decoder.norm
        decoder.layers, decoder.norm = layers[:layer], torch.nn.Identity()
        try:
            for batch in tight([len(i) for i in ids], self.device):
                ids_BT, mask_BT = right_padded([ids[i] for i in batch], self.device)
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
        ids = [self.ids_of(p) for p in prompts]
        out: list[list[float]] = [[] for _ in ids]
        wanted = torch.tensor([self.verdict_ids[v] for v in ("refuse", "comply", "safe_complete")], device=self.device)
        start = common_prefix(ids, own=1) if len(ids) > 1 and self.shares_prefix else ()
        for batch in tight([len(i) - len(start) for i in ids], self.device):
            logits_BV = self._last_logits([ids[i] for i in batch], start)
            for b, i in enumerate(batch):
                out[i] = logits_BV[b].log_softmax(-1)[wanted].tolist()
        return out

    def _last_logits(self, ids: list[list[int]], start: tuple[int, ...]) -> Tensor:
        """Logits at the end of each row, shape (B, V); `start` is what all rows begin with, of use to an engine that holds it once."""
        ids_BT, mask_BT = right_padded(ids, self.device)
        hidden = self.model.model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
        last = torch.tensor([len(i) - 1 for i in ids], device=self.device)
        return self.model.lm_head(hidden[torch.arange(len(ids), device=self.device), last]).float()
