"""A causal language model that is asked, chat template or not: log-probabilities of short continuations, kept by what was asked.

Shapes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from precepts.data import cache
from precepts.models.precision import precision
from precepts.progress import progress
from precepts.runs import write_atomic
from precepts.types import content_key
from precepts.w2s.features import in_precision, model_digest
from precepts.w2s.references import most_positions


class Speaker:
    """Scores continuations of plain text; nothing is loaded before something is asked that was not asked before."""

    def __init__(self, path: Path) -> None:
        """Names a model directory."""
        self._path = path
        self._loaded: tuple[Any, Any] | None = None

    def log_probs_of_text(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[float]:
        """Mean log-probability, nats a token, of each continuation after its prompt.

        Where all continuations are one token each, a prompt is read once for all of them. Of a prompt that is longer than the model can read
        the end is read.
        """
        key = content_key(in_precision(model_digest(self._path)), list(prompts), list(continuations))
        kept = cache() / "features" / "asked" / f"{key}.json"
        if kept.exists():
            return json.loads(kept.read_text("utf-8"))
        _, tokenizer = self._load()
        tails = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in continuations]
        short = all(len(tail) == 1 for tail in tails)
        found = self._by_prompt(prompts, [tail[0] for tail in tails]) if short else self._one_by_one(prompts, tails)
        write_atomic(kept, json.dumps(found))
        return found

    def _by_prompt(self, prompts: Sequence[str], tokens: Sequence[int]) -> list[float]:
        """One pass a prompt; the logits after it serve every continuation."""
        places: dict[str, list[int]] = {}
        for i, prompt in enumerate(prompts):
            places.setdefault(prompt, []).append(i)
        texts = list(places)
        out = [0.0] * len(prompts)

        def read(row: int, logits_TV: Any) -> None:
            logs_V = logits_TV[0].log_softmax(-1)
            for i in places[texts[row]]:
                out[i] = float(logs_V[tokens[i]])

        self._forward([self._ids(text) for text in texts], [0] * len(texts), read)
        return out

    def _one_by_one(self, prompts: Sequence[str], tails: Sequence[list[int]]) -> list[float]:
        import torch

        out = [float("-inf")] * len(prompts)
        heads = [self._ids(prompt) for prompt in prompts]

        asked = [row for row, tail in enumerate(tails) if tail]

        def read(place: int, logits_TV: Any) -> None:
            tail = torch.tensor(tails[asked[place]], device=logits_TV.device)
            out[asked[place]] = float(logits_TV[:-1].log_softmax(-1).gather(-1, tail[:, None]).mean())

        self._forward([heads[row] + tails[row] for row in asked], [len(tails[row]) for row in asked], read)
        return out

    def _forward(self, ids: list[list[int]], own: Sequence[int], read: Any) -> None:
        """Calls `read(row, logits)` for each row with the logits of its last `own` + 1 positions, shape (own + 1, V)."""
        import torch

        from precepts.models.batching import by_length, right_padded

        model, _ = self._load()
        head, most = model.get_output_embeddings(), most_positions(self._path) or max(map(len, ids), default=0)
        with torch.inference_mode(), progress("asking the student", len(ids), unit="texts") as bar:
            for batch in by_length([len(row) for row in ids]):
                ids_BT, _ = right_padded([ids[i][-most:] for i in batch], model.device)
                states_BTD = model.base_model(input_ids=ids_BT, use_cache=False).last_hidden_state
                for b, i in enumerate(batch):
                    length = min(len(ids[i]), most)
                    read(i, head(states_BTD[b, length - 1 - own[i] : length]).float())
                bar.advance(len(batch))

    def _ids(self, text: str) -> list[int]:
        return self._load()[1](text, add_special_tokens=False)["input_ids"]

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            from precepts.models.memory import keep_freed_memory

            keep_freed_memory()
            dtype = getattr(torch, precision())
            model: Any = AutoModelForCausalLM.from_pretrained(self._path, dtype=dtype, trust_remote_code=False)
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            tokenizer: Any = AutoTokenizer.from_pretrained(self._path, trust_remote_code=False)
            self._loaded = (model.to(device).eval(), tokenizer)
        return self._loaded
