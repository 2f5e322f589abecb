"""Make a model from a configuration: data, text encoder, eyes, autoencoder, UNet, export, judge, evaluation.

    python run.py --config configs/gpu.toml --work DIR --minutes 25

Every stage goes on from where it was when the command is run again, and a finished one is not repeated. The configuration shares the
minutes out among the stages; rendering goes on in the background meanwhile. `--only` and `--until` limit the stages.
"""

import argparse
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "assets" / "model"


class Run:
    """One configuration in one folder."""

    def __init__(self, config: dict, work: Path, minutes: float):
        self.config, self.work, self.minutes = config, work, minutes
        self.device = config["run"].get("device", "cpu")
        self.done_file = work / "stages.json"
        self.done = json.loads(self.done_file.read_text()) if self.done_file.exists() else {}
        self.tokenizer = self._input("tokenizer", MODEL / "tokenizer_2")
        self.background: list[subprocess.Popen] = []
        (work / "log").mkdir(parents=True, exist_ok=True)
        (work / "data").mkdir(exist_ok=True)

    def _input(self, name: str, usual: Path) -> str:
        return str((HERE / self.config["run"][name]).resolve() if name in self.config["run"] else usual)

    def command(self, stage: str) -> list[str]:
        """Return the command line of a stage: what it reads and writes from here, how it does it from the configuration."""
        part = self.config.get(stage, {})
        picture = self.config["picture"]
        data, device = str(self.work / "data" / "*.npz"), ["--device", self.device]
        minutes = ["--minutes", f"{self.minutes * part.get('share', 0):.3f}"]
        reduce, some = ["--reduce", str(picture["reduce"])], ["--subjects", str(picture["subjects"])]
        text, vae, out = str(self.work / "text"), str(self.work / "vae"), str(self.work / "model")
        cells, widths = str(picture["cells"]), ",".join(map(str, self.config["unet"]["channels"]))
        shape = ["--cells", cells, "--channels", widths]
        tokens = ["--tokenizer", self.tokenizer]
        fixed = {
            "text": ["train_text.py", *tokens, "--out", text, *minutes, *device],
            "eyes": [
                *("train_eyes.py", *tokens, "--text", text, "--data", data, "--out", str(self.work / "eyes")),
                *("--export", str(self.work / "eyes-model"), *minutes, *device),
            ],
            "decoder": ["train_vae.py", "decoder", "--data", data, *reduce, "--out", vae, *minutes, *device],
            "encoder": ["train_vae.py", "encoder", "--data", data, *reduce, "--out", vae, *minutes, *device],
            "unet": [
                *("train_unet.py", "--text", text, *tokens, "--data", data, *shape, *some, *minutes, *device),
                *("--valid", str(self.work / "data" / "valid-{}.npz"), "--out", str(self.work / "unet")),
            ],
            "export": [
                *(
                    "export.py",
                    "--text",
                    text,
                    *tokens,
                    "--unet",
                    str(self.work / "unet" / f"{part.get('weights', 'last')}.pt"),
                ),
                *("--vae", vae, *shape, "--out", out),
            ],
            "judge": [
                *("judge.py", "--data", str(self.work / "data" / "judge-*.npz"), *some, *minutes),
                *("--out", str(self.work / "judge.pt")),
            ],
            "evaluate": [
                *("evaluate.py", "--model", out, "--judge", str(self.work / "judge.pt"), *some, *device),
                *("--out", str(self.work / "evaluation.json"), "--markdown", str(self.work / "evaluation.md")),
            ],
            "sheets": ["sampling.py", "--model", out, "--out", str(self.work / "sheets"), *some, *device],
        }[stage]
        return [sys.executable, str(HERE / fixed[0]), *fixed[1:], *_flags(part.get("flags", {}))]

    def data(self) -> None:
        """Render what is held out and what the judge learns from, and start rendering the rest in the background."""
        part, picture = self.config["data"], self.config["picture"]
        size = str(picture["size"])
        usual = [
            "--height",
            size,
            "--width",
            size,
            "--reduce",
            str(picture["reduce"]),
            "--subjects",
            str(picture["subjects"]),
        ]
        flags = part.get("flags", {})
        # Nothing looks at the whole pictures of these, and they would fill the memory.
        small = _flags({name: value for name, value in flags.items() if name != "keep-images"})
        script = [sys.executable, str(HERE / "make_data.py")]
        jobs = []
        each = part["judge"] // part["workers"]
        for name, kind, count, seed in (
            ("valid-plain", "plain", part["valid"], 191),
            ("valid-styled", "styled", part["valid"], 192),
            ("judge-plain", "plain", part["judge"] // 4, 193),
            *((f"judge-{number}", "styled", each, 900 + number) for number in range(part["workers"])),
        ):
            path = self.work / "data" / f"{name}.npz"
            if not path.exists():
                own = ["--kind", kind, "--count", str(count), "--seed", str(seed), "--out", str(path)]
                jobs.append((name, self._start(name, [*script, "shard", "--small", *own, *usual, *small])))
        finish = f"{self.minutes * part['share']:.3f}"
        stream = [
            "--count",
            str(part["shard"]),
            "--workers",
            str(part["workers"]),
            "--minutes",
            finish,
            "--seed",
            "1000",
        ]
        stream = [*script, "stream", *stream, "--small", *usual, *_flags(flags), "--out", str(self.work / "data")]
        self.background.append(self._start("stream", stream))
        for name, job in jobs:
            self._wait(name, job)
        while len(list((self.work / "data").glob("plain-*[0-9].npz"))) < part["first_shards"]:
            if self.background[0].poll() not in (None, 0):
                raise SystemExit(f"rendering stopped: see {self.work / 'log' / 'stream.log'}")
            time.sleep(1)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen:
        log = (self.work / "log" / f"{name}.log").open("a")
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=HERE)

    def _wait(self, name: str, job: subprocess.Popen) -> None:
        if job.wait() != 0:
            raise SystemExit(f"{name} failed with code {job.returncode}: see {self.work / 'log' / f'{name}.log'}")

    def go(self, only: list[str], until: str | None) -> None:
        """Run the stages in order; those of one group at the same time."""
        for group in self.config["run"]["stages"]:
            wanted = [stage for stage in group if stage not in self.done and (not only or stage in only)]
            start = time.time()
            if "data" in wanted:
                self.data()
            jobs = [(stage, self._start(stage, self.command(stage))) for stage in wanted if stage != "data"]
            for stage, job in jobs:
                self._wait(stage, job)
            for stage in wanted:
                if stage != "data":  # rendering that was cut short goes on next time
                    self.done[stage] = round(time.time() - start, 1)
                print(f"{stage}: {time.time() - start:.0f} s", flush=True)
            self.done_file.write_text(json.dumps(self.done, indent=1) + "\n")
            if until in group:
                break

    def close(self) -> None:
        """End what still renders."""
        for job in self.background:
            if job.poll() is None:
                job.terminate()
                job.wait()


def _flags(values: dict) -> list[str]:
    """Return command line flags for a table of them; true stands for a flag without a value."""
    flags = []
    for name, value in values.items():
        flags.append(f"--{name}")
        if value is not True:
            flags += [str(v) for v in value] if isinstance(value, list) else [str(value)]
    return flags


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--minutes", type=float, required=True, help="for everything; stages have shares of it")
    parser.add_argument("--only", default="", help="stages, by comma")
    parser.add_argument("--until", help="the last stage to run")
    args = parser.parse_args()
    run = Run(tomllib.loads(Path(args.config).read_text()), Path(args.work).resolve(), args.minutes)
    try:
        run.go([name for name in args.only.split(",") if name], args.until)
    finally:
        run.close()


if __name__ == "__main__":
    main()
