"""Would the eyes help the `embedded` metric? Learn its probes from its features, from what the eyes see, and from both.

    python compare_probes.py --data data/metric --eyes ../assets/eyes

DIR is what metric_data.py wrote, with the `*.features` that the example `metric` keeps there on its first run. Printed are, for the
held-out pictures, the share of right values over all style factors and the cross entropy summed over them, in nats: what tells how
much the probes know of a picture's looks.
"""

import argparse
import json
from pathlib import Path

import captions
import numpy as np
import torch
import torch.nn.functional as F
from eyes_model import SIZE, Eyes, pixel_values

HIDDEN, EPOCHS, BATCH, RATE = 160, 40, 200, 2e-3


def values() -> dict[str, list]:
    """Return the values of each style factor, the plain one first."""
    return {factor: [None, *table] for factor, table in captions.style_words().items()}


def read(folder: Path, name: str, eyes: Eyes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return features (n, features), embeddings by the eyes (n, 128) and labels (n, factors) of a set."""
    rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    labels = torch.tensor([[known.index(row.get(factor)) for factor, known in values().items()] for row in rows])
    pictures = np.memmap(folder / f"{name}.rgb", dtype=np.uint8, mode="r").reshape(-1, SIZE, SIZE, 3)
    with torch.no_grad():
        seen = [eyes.pictures(pixel_values(pictures[i : i + 100])) for i in range(0, len(pictures), 100)]
    features = np.fromfile(folder / f"{name}.features", dtype="<f4").reshape(len(rows), -1)
    return torch.from_numpy(features), torch.cat(seen), labels


def scaled(train: torch.Tensor, test: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both in deviations from the mean of the first, bounded, as the metric has them."""
    centre, spread = train.mean(0), train.std(0).clamp_min(1e-4)
    return ((train - centre) / spread).clamp(-4, 4), ((test - centre) / spread).clamp(-4, 4)


def split_loss(output: torch.Tensor, labels: torch.Tensor, counts: list[int]) -> torch.Tensor:
    """Return the cross entropy of each factor."""
    parts = output.split(counts, dim=1)
    return torch.stack([F.cross_entropy(part, labels[:, k]) for k, part in enumerate(parts)])


def learn(train, test, labels, truth, counts: list[int]) -> tuple[float, float]:
    """Return the share of right values and the summed cross entropy on the held-out pictures."""
    torch.manual_seed(7)
    network = torch.nn.Sequential(
        torch.nn.Linear(train.shape[1], HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(HIDDEN, sum(counts)),
    )
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    steps = EPOCHS * len(train) // BATCH
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(0, len(train), (BATCH,))
        loss = split_loss(network(train[rows]), labels[rows], counts).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
    with torch.no_grad():
        output = network.eval()(test)
    guesses = torch.stack([part.argmax(1) for part in output.split(counts, dim=1)], 1)
    return (guesses == truth).float().mean().item(), split_loss(output, truth, counts).sum().item()


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--eyes", required=True)
    args = parser.parse_args()
    eyes = Eyes.load(args.eyes).eval()
    features, seen, labels = read(args.data, "train", eyes)
    test_features, test_seen, truth = read(args.data, "test", eyes)
    features, test_features = scaled(features, test_features)
    seen, test_seen = scaled(seen, test_seen)
    counts = [len(known) for known in values().values()]
    for name, train, test in (
        ("features", features, test_features),
        ("eyes", seen, test_seen),
        ("both", torch.cat([features, seen], 1), torch.cat([test_features, test_seen], 1)),
    ):
        right, nats = learn(train, test, labels, truth, counts)
        print(f"{name}: {right:.4f} right, {nats:.2f} nats", flush=True)


if __name__ == "__main__":
    main()
