"""Where the time goes on a CPU, against what its matrix units could do.

    python bench/roofline.py [THREADS]

Measures the machine's peak in bfloat16 matrix products of the embedded model's own shapes, then a fine-tuning step (top layers trained, 32
rows of about 48 tokens after the shared prefix), a cycle's log-probabilities as reinforcement takes them, a prefill and a decoding
step, each under the profiler: seconds by kind of work, products counted in FLOP, and the share of the time that the same products would take at
the peak. Prints a Markdown table; docs/performance.md says how to read it.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")

import torch
from torch.profiler import ProfilerActivity, profile

from precepts.data import load_cases
from precepts.models import Engine, Sampling
from precepts.models.embedded import embedded_path
from precepts.training.examples import Tokens, shared_prefix
from precepts.training.losses import weighted_cross_entropy
from precepts.training.trunk import num_layers, run_trunk, upper_model

TOP_LAYERS, ROWS, COMPLETION = 10, 32, 24
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("matrix products", ("mm", "linear", "matmul", "dot_product", "mkldnn_reorder")),
    ("optimizer", ("adam", "foreach", "clip")),
    ("softmax and loss", ("softmax", "nll", "cross_entropy", "logsumexp")),
    ("casts and copies", ("copy", "clone", "cat", "index", "gather", "fill", "zero", "empty", "slice", "expand")),
    ("elementwise", ("mul", "add", "sub", "div", "silu", "pow", "rsqrt", "mean", "sum", "neg", "exp", "cos", "sin", "norm", "where")),
)  # fmt: skip


def peak_gflops() -> float:
    """The best of a few shapes of the model's products, in GFLOP a second, bfloat16."""
    best = 0.0
    for rows, inner, columns in ((2048, 576, 1536), (2048, 1536, 576), (2048, 576, 49152), (2048, 2048, 2048)):
        a, b = torch.randn(rows, inner, dtype=torch.bfloat16), torch.randn(columns, inner, dtype=torch.bfloat16)
        for _ in range(3):
            torch.nn.functional.linear(a, b)
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < 1:
            torch.nn.functional.linear(a, b)
            count += 1
        best = max(best, 2e-9 * rows * inner * columns * count / (time.perf_counter() - begun))
    return best


def profiled(work: Callable[[], None], peak: float) -> tuple[float, float, dict[str, float]]:
    """Seconds of the second of two runs, the share of them that its products would take at the peak, and seconds by kind."""
    work()
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as found:
        work()
    by_kind = dict.fromkeys([*(kind for kind, _ in KINDS), "other"], 0.0)
    flops = 0
    for row in found.key_averages():
        name = row.key.removeprefix("aten::").lower()
        kind = next((kind for kind, words in KINDS if any(word in name for word in words)), "other")
        by_kind[kind] += row.self_cpu_time_total / 1e6
        flops += row.flops or 0
    total = sum(by_kind.values())
    return seconds, flops / 1e9 / peak / seconds, {kind: s / total * seconds for kind, s in by_kind.items()}


def pieces() -> dict[str, Callable[[], None]]:
    """What is measured, by name; each runs once when called."""
    base = embedded_path()
    engine = Engine(base)
    cases = [c for c in load_cases("starter") if c.split == "train" and c.clauses][:ROWS]
    conversations = [c.messages for c in cases]
    prompts = [engine.ids_of(engine.prompt_text(c)) for c in conversations]
    tokens = [Tokens(p + p[-COMPLETION:], [0.0] * len(p) + [1.0] * COMPLETION) for p in prompts]
    frozen = num_layers(base) - TOP_LAYERS
    trunk = run_trunk(base, tokens, shared_prefix(tokens), layers=frozen, advance=lambda _: None)
    model: Any = upper_model(base, layers=frozen)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, fused=True)
    batch = trunk.batch(range(ROWS))

    def logits() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return model(batch.prefix_PD, batch.hidden_BTD, batch.rows_N, batch.columns_N)

    def train() -> None:
        weighted_cross_entropy(logits(), batch.targets_N, batch.weights_N).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    def read() -> None:
        with torch.no_grad():
            torch.nn.functional.cross_entropy(logits().float(), batch.targets_N)

    def prefill() -> None:
        engine._prefix = None
        engine.generate(conversations, sampling=Sampling(max_tokens=1))

    def decode() -> None:
        engine.generate(conversations, sampling=Sampling(max_tokens=17))

    return {
        "a fine-tuning step": train,
        "log-probabilities of a minibatch": read,
        "prefill": prefill,
        "prefill and 16 decoding steps": decode,
    }


def main(threads: int) -> None:
    """Prints the table."""
    torch.set_num_threads(threads)
    peak = peak_gflops()
    print(f"{threads} threads, peak in bfloat16 matrix products: {peak:.0f} GFLOP/s\n")
    kinds = [*(kind for kind, _ in KINDS), "other"]
    print("| what | seconds | at the peak | " + " | ".join(kinds) + " |")
    print("|---" * (3 + len(kinds)) + "|")
    for name, work in pieces().items():
        seconds, share, by_kind = profiled(work, peak)
        cells = " | ".join(f"{by_kind[kind] / seconds:.0%}" for kind in kinds)
        print(f"| {name} | {seconds:.2f} | {share:.0%} | {cells} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
