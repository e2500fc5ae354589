"""Wall time of supervisor, students and ceiling: frozen features computed once and heads batched, against a plain loop.

One task, two losses, five seeds, the same rows and the same model in both. The plain loop is in the manner of the released code: a run for
each seed and loss, and in every run a full forward pass through all layers for every batch of every epoch; ours, written for this bench.
Both train a head on the state after the same layer; the loop runs the layers above too, as a forward pass of the whole model does, unless
`--same-layer` is given, which spares the loop that work.

Imports stand outside both clocks; loading the model and its tokenizer stands inside both, and the plain loop loads once for all its runs,
where the released code loads anew for each. Beside wall time the time of the processor is printed: on a machine that does other work only
that can be compared.

    python bench/w2s.py --rows 400 [--task utilitarianism] [--same-layer]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")

import sklearn.feature_extraction.text
import sklearn.linear_model
import torch
import transformers

from precepts.models import Engine
from precepts.models.batching import right_padded
from precepts.models.embedded import embedded_path
from precepts.w2s.experiment import CEILING, pooled, students, supervise
from precepts.w2s.features import FeatureStore, feature_source
from precepts.w2s.heads import HeadSettings
from precepts.w2s.methods import METHODS, batch_loss
from precepts.w2s.references import default_layer
from precepts.w2s.splits import pool, split
from precepts.w2s.supervisors import Supervisor
from precepts.w2s.tasks import load_task

SEEDS, LOSSES, EPOCHS = 5, ("naive", "logconf"), 8
IMPORTED = (
    sklearn.feature_extraction.text.TfidfVectorizer,
    sklearn.linear_model.LogisticRegression,
    transformers.AutoModel,
)


def ours(task, rows, path):
    """Accuracy by arm and seed, through the package, from an empty feature store."""
    examples, test, rest = pool(task, rows=rows)
    splits = [split(examples, rest, seed=seed, num_classes=len(task.classes)) for seed in range(SEEDS)]
    scratch = Path(tempfile.mkdtemp())
    try:
        store = FeatureStore(feature_source(path, "layer"), root=scratch)
        features = pooled(store.vectors([t for e in examples for t in e.texts]), len(examples[0].texts))
    finally:
        shutil.rmtree(scratch)
    labelled = supervise(
        Supervisor("tfidf"), examples, splits, test, num_classes=len(task.classes), features_ND=None
    )  # fmt: skip
    outcome = students(
        [METHODS[name] for name in LOSSES], "logconf", examples, splits, labelled, test, features,
        num_classes=len(task.classes), settings=HeadSettings(epochs=EPOCHS),
    )  # fmt: skip
    labels = np.array([examples[i].label for i in test])
    return {name: (outcome.test[name].argmax(-1) == labels).mean(1) for name in (*LOSSES, CEILING)}


def last_states(engine, texts, layer, *, same_layer):
    """The last token's state after `layer` of one batch, by a forward pass."""
    ids = [engine.ids_of(text) for text in texts]
    ids_BT, mask_BT = right_padded(ids, engine.device)
    decoder = engine.model.model
    layers, norm = decoder.layers, decoder.norm
    with torch.no_grad():
        if same_layer:
            decoder.layers, decoder.norm = layers[:layer], torch.nn.Identity()
            try:
                states = decoder(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).last_hidden_state
            finally:
                decoder.layers, decoder.norm = layers, norm
        else:
            states = decoder(
                input_ids=ids_BT, attention_mask=mask_BT, use_cache=False, output_hidden_states=True
            ).hidden_states[layer]  # fmt: skip
    last = torch.tensor([len(row) - 1 for row in ids])
    return states[torch.arange(len(ids)), last].float()


def plain_run(engine, examples, rows, targets, test, *, loss, seed, layer, same_layer):
    """One run: a forward pass for every batch of every epoch, then one for the test rows."""
    pairwise = len(examples[0].texts) == 2

    def states(indices):
        x = last_states(engine, [t for i in indices for t in examples[i].texts], layer, same_layer=same_layer)
        return x[1::2] - x[0::2] if pairwise else x

    seen = torch.cat([states(rows[at : at + 64]) for at in range(0, min(len(rows), 256), 64)])
    mean = 0.0 if pairwise else seen.mean(0)
    scale = (seen - mean).square().mean(0).sqrt().clamp_min(1e-6)
    head = torch.nn.Linear(seen.shape[1], targets.shape[1], bias=not pairwise)
    torch.nn.init.zeros_(head.weight)
    size = min(64, len(rows))
    total = EPOCHS * (len(rows) // size)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    draw, step = np.random.default_rng([seed, 29]), 0
    for _ in range(EPOCHS):
        order = draw.permutation(len(rows))
        for at in range(0, len(rows) - size + 1, size):
            picked = order[at : at + size]
            logits = head((states([rows[i] for i in picked]) - mean) / scale)
            found = batch_loss(METHODS[loss], logits, torch.from_numpy(targets[picked]).float(), progress=step / total)
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
            schedule.step()
            step += 1
    with torch.no_grad():
        guesses = [head((states(test[at : at + 64]) - mean) / scale).argmax(-1) for at in range(0, len(test), 64)]
    return float((torch.cat(guesses).numpy() == np.array([examples[i].label for i in test])).mean())


def plain(task, rows, path, *, same_layer):
    engine = Engine(path)
    examples, test, rest = pool(task, rows=rows)
    splits = [split(examples, rest, seed=seed, num_classes=len(task.classes)) for seed in range(SEEDS)]
    labelled = supervise(Supervisor("tfidf"), examples, splits, test, num_classes=len(task.classes), features_ND=None)
    num_rows = min(len(part.student) for part in splits)
    out: dict[str, list[float]] = {name: [] for name in (*LOSSES, CEILING)}
    for seed, (part, found) in enumerate(zip(splits, labelled, strict=True)):
        pick = np.random.default_rng([seed, 43]).permutation(len(part.student))[:num_rows]
        chosen = [part.student[i] for i in pick]
        truth = np.eye(len(task.classes))[[examples[i].label for i in chosen]]
        for name in out:
            out[name].append(
                plain_run(
                    engine, examples, chosen, truth if name == CEILING else found.student[pick], test,
                    loss="naive" if name == CEILING else name, seed=seed, layer=default_layer(path), same_layer=same_layer,
                )
            )  # fmt: skip
    return {name: np.array(values) for name, values in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="utilitarianism")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--same-layer", action="store_true")
    options = parser.parse_args()
    task, path = load_task(options.task), embedded_path()
    assert all(IMPORTED), "imports are outside both clocks"
    times, processor, accuracy = {}, {}, {}
    for name, run in (("ours", ours), ("plain", lambda *a: plain(*a, same_layer=options.same_layer))):
        began, used = time.perf_counter(), time.process_time()
        accuracy[name] = run(task, options.rows, path)
        times[name], processor[name] = time.perf_counter() - began, time.process_time() - used
        shown = ", ".join(f"{arm} {found.mean():.3f}" for arm, found in accuracy[name].items())
        print(f"{name}: {times[name]:.1f} s, of the processor {processor[name]:.1f} s; accuracy {shown}", flush=True)
    worst = max(abs(accuracy["ours"][arm].mean() - accuracy["plain"][arm].mean()) for arm in accuracy["ours"])
    print(f"largest difference of mean accuracy: {worst:.3f}")
    print(f"ratio of processor time: {processor['plain'] / processor['ours']:.1f}")
    print(f"ratio: {times['plain'] / times['ours']:.1f}")


if __name__ == "__main__":
    main()
