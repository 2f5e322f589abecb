"""Times pictures on a GPU: ours and diffusers', eager and compiled, one after the other in one run.

Checkpoints have random weights in the shapes of Stable Diffusion 1.5 and SDXL (`benches/against_diffusers/checkpoints.py`),
so nothing is downloaded. Whole pictures are timed: texts, all steps with guidance, decoding to 8-bit pictures, for each
batch size the median of some rounds after a warm-up. Both sides say how fast one large matrix product is on the same
device; the share of it that the denoiser reaches is its floating-point work (counted by torch) over its time.

    python benches/gpu/compare.py --binary target/gpu/bench --family sd15 --out target/gpu/results
    python benches/gpu/compare.py --binary target/gpu/bench --device cpu --tiny     # proves the script where no GPU is

Writes FAMILY.json and FAMILY.md, again after every measurement, so that a run that is cut off leaves what it has.
"""

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "a lighthouse on a cliff"
NEEDED = ["diffusers", "transformers", "safetensors"]
SIZES = {"sd15": 512, "sdxl": 1024}
GUIDANCE = 7.5


def provide_packages(wheels):
    """Installs what is missing: from the wheels that build.sh collected, else from the package index."""
    import importlib.util

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if importlib.util.find_spec("torch") is None:
        missing.append("torch")
    if not missing:
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    attempts = [[*pip, *missing]]
    if wheels.is_dir() and "torch" not in missing:
        attempts.insert(0, [*pip, "--no-index", "--find-links", str(wheels), *missing])
    for attempt in attempts:
        if subprocess.run(attempt).returncode == 0:
            importlib.invalidate_caches()
            return
    sys.exit(
        f"{', '.join(missing)} cannot be installed here: run benches/gpu/build.sh where there is a network "
        f"(it collects wheels in {wheels}) and bring that folder along, or use --ours-only with --model"
    )


class Deadline:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()


def run_ours(options, model, batches):
    command = [
        options.binary, str(model), "--device", options.device, "--dtype", options.dtype, "--size", str(options.size),
        "--steps", str(options.steps), "--batches", ",".join(map(str, batches)),
    ]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=max(options.deadline.left(), 1))
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def synchronise(device):
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def matmul_tflops(device, dtype):
    import torch

    size, rounds, best = 8192 if device == "cuda" else 512, 10, float("inf")
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    for _ in range(4):
        synchronise(device)
        start = time.perf_counter()
        for _ in range(rounds):
            a @ b
        synchronise(device)
        best = min(best, (time.perf_counter() - start) / rounds)
    return 2 * size**3 / best / 1e12


def load_pipeline(options, model, dtype):
    import torch
    from diffusers import AutoPipelineForText2Image

    pipe = AutoPipelineForText2Image.from_pretrained(model, torch_dtype=dtype).to(options.device)
    pipe.set_progress_bar_config(disable=True)
    # As ours does: a batch of 1024² decoded at once would need more memory than anything before it.
    pipe.vae.enable_slicing()
    torch.set_grad_enabled(False)
    return pipe


def unet_teraflops(pipe, size):
    """Floating-point work of the denoiser for one row, in 10¹² operations."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    unet, side = pipe.unet, size // pipe.vae_scale_factor
    like = {"device": unet.device, "dtype": unet.dtype}
    tokens = pipe.tokenizer.model_max_length
    arguments = {"encoder_hidden_states": torch.zeros(1, tokens, unet.config.cross_attention_dim, **like)}
    if unet.config.addition_embed_type == "text_time":
        pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
        arguments["added_cond_kwargs"] = {"text_embeds": torch.zeros(1, pooled, **like), "time_ids": torch.zeros(1, 6, **like)}
    counter = FlopCounterMode(display=False)
    with counter:
        unet(torch.zeros(1, unet.config.in_channels, side, side, **like), torch.tensor(1), **arguments)
    return counter.get_total_flops() / 1e12


def measure(options, pipe, batch):
    import torch

    def pictures(steps):
        synchronise(options.device)
        marks = {}

        def after_step(_pipe, step, _timestep, tensors):
            if step + 1 == steps:
                synchronise(options.device)
                marks["denoised"] = time.perf_counter()
            return tensors

        start = time.perf_counter()
        pipe(
            [PROMPT] * batch, num_inference_steps=steps, guidance_scale=GUIDANCE, width=options.size, height=options.size,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(batch)], callback_on_step_end=after_step,
        )
        synchronise(options.device)
        return marks["denoised"] - start, time.perf_counter() - marks["denoised"]

    pictures(2)
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    begun, rounds = time.monotonic(), []
    while not rounds or (time.monotonic() - begun < 12 and len(rounds) < 5 and options.deadline.left() > 0):
        rounds.append(pictures(options.steps))
    total = statistics.median_high(sorted(sum(r) for r in rounds))
    denoise, decode = next(r for r in rounds if sum(r) == total)
    return {
        "batch": batch,
        "images_per_second": batch / total,
        "step_seconds": denoise / options.steps,
        "decode_seconds_per_image": decode / batch,
        "rounds": len(rounds),
        "peak_memory": torch.cuda.max_memory_allocated() if options.device == "cuda" else None,
    }


def run_theirs(options, model, results, save):
    import diffusers
    import torch

    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[options.dtype]
    results["versions"] = {"python": platform.python_version(), "torch": torch.__version__, "diffusers": diffusers.__version__}
    results["torch_matmul_tflops"] = matmul_tflops(options.device, dtype)
    if options.device == "cuda":
        results["torch_device"] = torch.cuda.get_device_name()
    pipe = load_pipeline(options, model, dtype)
    results["unet_teraflops_per_row"] = unet_teraflops(pipe, options.size)
    for mode in ["eager"] if options.no_compile else ["eager", "compiled"]:
        results[mode] = {"batches": []}
        if mode == "compiled":
            pipe.unet.to(memory_format=torch.channels_last)
            pipe.unet = torch.compile(pipe.unet, fullgraph=True, dynamic=False)
            pipe.vae.decode = torch.compile(pipe.vae.decode, dynamic=False)
            results[mode]["how"] = "UNet in channels_last; torch.compile of UNet and VAE decoder, default mode, static shapes"
        for batch in options.batches:
            if options.deadline.left() < options.reserve:
                entry = {"batch": batch, "skipped": "no time left"}
            else:
                try:
                    entry = measure(options, pipe, batch)
                except torch.OutOfMemoryError as error:
                    entry = {"batch": batch, "out_of_memory": str(error).splitlines()[0]}
            gc.collect()
            if options.device == "cuda":
                torch.cuda.empty_cache()
            print(mode, entry, file=sys.stderr)
            results[mode]["batches"].append(entry)
            save()


def table(results):
    """One row a side and batch size. Guidance doubles the rows of the denoiser."""
    work = results.get("unet_teraflops_per_row")
    title = f"{results['family']} {results['size']}², {results['steps']} steps, {results['dtype']}, {results['device']}"
    lines = [
        title,
        "",
        f"Matrix product: {results['ours']['matmul_tflops']:.3g} TFLOP/s by ours, "
        f"{results.get('torch_matmul_tflops', float('nan')):.3g} by torch.",
        "",
        "| | batch | images/s | against eager | step, ms | decode, ms/image | share of matmul | peak memory, GiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    eager = {e["batch"]: e.get("images_per_second") for e in results.get("eager", {}).get("batches", [])}
    for side in ("ours", "eager", "compiled"):
        ceiling = results["ours"]["matmul_tflops"] if side == "ours" else results.get("torch_matmul_tflops")
        for entry in results.get(side, {}).get("batches", []):
            batch = entry["batch"]
            if "images_per_second" not in entry:
                reason = "out of memory" if "out_of_memory" in entry else entry["skipped"]
                lines.append(f"| {side} | {batch} | {reason} | | | | | |")
                continue
            ratio = f"{entry['images_per_second'] / eager[batch]:.2f}×" if eager.get(batch) else ""
            share = f"{2 * batch * work / entry['step_seconds'] / ceiling:.0%}" if work and ceiling else ""
            memory = f"{entry['peak_memory'] / 2**30:.2f}" if entry.get("peak_memory") else ""
            lines.append(
                f"| {side} | {batch} | {entry['images_per_second']:.3f} | {ratio} | {1e3 * entry['step_seconds']:.1f} "
                f"| {1e3 * entry['decode_seconds_per_image']:.1f} | {share} | {memory} |"
            )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="the benchmark that build.sh built")
    parser.add_argument("--family", choices=SIZES, default="sd15")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--dtype", choices=["f32", "f16", "bf16"])
    parser.add_argument("--batches", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--tiny", action="store_true", help="the tests' tiny checkpoint, two small batches")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--ours-only", action="store_true", help="leave diffusers out")
    parser.add_argument("--model", type=Path, help="a folder in the diffusers layout in place of random weights")
    parser.add_argument("--cache", type=Path, default=ROOT / "target/gpu/models", help="where random weights are kept")
    parser.add_argument("--wheels", type=Path, default=ROOT / "target/gpu/wheels")
    parser.add_argument("--out", type=Path, default=ROOT / "target/gpu/results")
    parser.add_argument("--seconds", type=float, default=540, help="measurements that would start later are skipped")
    options = parser.parse_args()
    options.deadline = Deadline(options.seconds)
    # What a measurement may take that has just begun.
    options.reserve = 5 if options.tiny else 45
    options.size = 32 if options.tiny else SIZES[options.family]
    options.dtype = options.dtype or ("f16" if options.device == "cuda" else "f32")
    options.steps = options.steps or (3 if options.tiny else 20)
    options.batches = options.batches or ([1, 2] if options.tiny else [1, 4, 16])
    family = "tiny" if options.tiny else options.family

    needs_packages = not (options.ours_only and (options.model or options.tiny))
    if needs_packages:
        provide_packages(options.wheels)
    if options.model:
        model = options.model
    elif options.tiny:
        model = ROOT / "tests/fixtures/diffusion/sd"
    else:
        sys.path.insert(0, str(ROOT / "benches/against_diffusers"))
        from checkpoints import make

        model = make(options.cache, options.family, options.dtype)

    options.out.mkdir(parents=True, exist_ok=True)
    ours = run_ours(options, model, options.batches)
    results = {
        "family": family, "size": options.size, "steps": options.steps, "dtype": options.dtype, "device": ours["device"],
        "guidance": GUIDANCE, "ours": ours,
    }

    def save():
        (options.out / f"{family}.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.out / f"{family}.md").write_text(table(results))

    save()
    if not options.ours_only:
        run_theirs(options, model, results, save)
        save()
    print(table(results))


if __name__ == "__main__":
    main()
