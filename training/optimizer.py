"""Muon for matrices and convolutions, Adam for the rest, on float32 master copies of the weights.

Muon (Jordan 2024) orthogonalises the momentum of each matrix with a Newton-Schulz iteration; on this small
compute budget it learns more from a sample than Adam does.
"""

import torch

# Weights of two and more dimensions that are tables, or the first and last layers of pictures: Adam suits them better.
NOT_MATRICES = ("conv_in", "conv_out", "position_embedding", "token_embedding", "vectors", "readers")


def orthogonalise(matrix: torch.Tensor, steps: int = 4) -> torch.Tensor:
    """Return about the nearest orthogonal matrix, by the quintic Newton-Schulz iteration.

    The iteration runs on the Gram matrix of the shorter side, which every factor commutes with, so that the matrix itself takes
    part in two products only, whatever the number of steps. That needs float32.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.float()
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    gram, product, one = x @ x.T, None, torch.eye(x.shape[0], device=x.device)
    for step in range(steps):
        factor = torch.addmm(a * one, gram, b * one + c * gram)
        product = factor if product is None else factor @ product
        if step + 1 < steps:
            gram = factor @ gram @ factor
    x = product @ x
    return x if wide else x.T


class MasterOptimizer:
    """Updates float32 masters from the gradients of bfloat16 weights and copies them back."""

    def __init__(self, named_weights, rate: float, muon_rate: float, decay: float = 0.01, average: float = 0.999):
        self.names, self.weights = zip(*named_weights)
        self.masters = [w.detach().float().clone() for w in self.weights]
        self.averages = [m.clone() for m in self.masters]
        self.matrix = [
            muon_rate > 0 and w.ndim >= 2 and not any(part in n for part in NOT_MATRICES)
            for n, w in zip(self.names, self.weights)
        ]
        self.momenta = [torch.zeros_like(m) for m in self.masters]
        others = [torch.nn.Parameter(m) for m, matrix in zip(self.masters, self.matrix) if not matrix]
        self.adam = torch.optim.AdamW(others, rate, betas=(0.9, 0.99), weight_decay=decay, fused=True)
        self.rate, self.muon_rate, self.decay, self.average = rate, muon_rate, decay, average
        self.steps = 0

    @torch.no_grad()
    def step(self, scale: float, clip: float = 1.0) -> float:
        """Apply one update with learning rates multiplied by `scale`; return the gradient norm."""
        grads = [w.grad.float() for w in self.weights]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, min(1.0, clip / (norm.item() + 1e-6)))
        adam = iter(self.adam.param_groups[0]["params"])
        for master, momentum, grad, matrix in zip(self.masters, self.momenta, grads, self.matrix):
            if not matrix:
                next(adam).grad = grad
                continue
            momentum.lerp_(grad, 0.05)
            flat = grad.lerp(momentum, 0.95).flatten(1)
            stretch = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
            rate = self.muon_rate * scale
            master.mul_(1 - rate * self.decay).add_(orthogonalise(flat).view_as(master), alpha=-rate * stretch)
        self.adam.param_groups[0]["lr"] = self.rate * scale
        self.adam.step()
        self.steps += 1
        keep = min(self.average, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, self.masters, 1 - keep)
        for weight, master in zip(self.weights, self.masters):
            weight.copy_(master)
            weight.grad = None
        return norm.item()

    def averaged(self) -> dict[str, torch.Tensor]:
        """Return the moving average of the weights, which is what to sample with."""
        return dict(zip(self.names, self.averages))

    def state(self) -> dict:
        """Return everything needed to go on."""
        return {
            "masters": self.masters,
            "averages": self.averages,
            "momenta": self.momenta,
            "adam": self.adam.state_dict(),
            "steps": self.steps,
        }

    @torch.no_grad()
    def load(self, state: dict) -> None:
        """Restore what `state` returned."""
        for mine, theirs in (("masters", "masters"), ("averages", "averages"), ("momenta", "momenta")):
            for a, b in zip(getattr(self, mine), state[theirs]):
                a.copy_(b)
        self.adam.load_state_dict(state["adam"])
        self.steps = state["steps"]
        for weight, master in zip(self.weights, self.masters):
            weight.copy_(master)
