"""Measure an exported model with a judge that had no part in its training (judge.py).

    python evaluate.py --model ../assets/model --judge judge.pt --out evaluation.json --markdown evaluation.md

subjects: is the noun of a plain prompt, and of one with a scene, recognised? shapes: and in portrait and landscape? styles: does
the judge see the style that a prompt names, and one that a taste likes at beta 0.6? sweeps: for random tastes, does the judge's
chance of what is liked rise, and of what is disliked fall, with every step of beta, and is the subject kept? opposites: are a
taste and its reverse told apart on one prompt and seed, and is the subject kept? diversity: how far apart are pictures of several
seeds, beside rendered ones? Numbers of cases are flags. "rendered" is what the judge says of the renderer's own pictures of the
same contents, with every style in full: it knows no better than that.
"""

import argparse
import json
from pathlib import Path

import captions
import cv2
import numpy as np
import torch
from judge import Judge, load_judge
from make_data import portrait, some_styles, some_subjects
from renderer.picture import Spec, Thing, render
from sampling import Sampler, mixed

BETAS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
# A step counts as rising if the chance falls by no more than this: two pictures of one content differ by as much.
TOLERANCE = 0.02
MAIN = ("palette", "light", "medium")


class Bench:
    """A model, its judge, and the words and nouns that are asked for."""

    def __init__(self, sampler: Sampler, judge: Judge, nouns, styles, seed: int):
        self.sampler, self.judge, self.rng = sampler, judge, np.random.default_rng(seed)
        self.nouns = [noun for noun in nouns if noun in judge.nouns]
        self.values = [(f, v) for f, values in styles.items() for v in values if v in judge.styles.get(f, ())]
        self.words = captions.style_words()

    def word(self, style) -> str:
        """Return the main word of a style."""
        return self.words[style[0]][style[1]][0]

    def chance(self, looks: dict, style) -> np.ndarray:
        """Return the judge's chance of a style for each picture."""
        factor, value = style
        return looks[factor][:, self.judge.styles[factor].index(value)]

    def names(self, looks: dict, style) -> np.ndarray:
        """Return for each picture whether the style is the likeliest of its factor's values."""
        factor, value = style
        guess = looks[factor][:, 1:].argmax(1) + 1
        return guess == self.judge.styles[factor].index(value)

    def draw(self, prompts, seeds, tastes=None):
        """Return subjects and looks of pictures for prompts; `tastes` are (liked, disliked, beta) for each, if given."""
        subjects, looks = [], []
        for i in range(0, len(prompts), 16):
            condition = self.sampler.texts(list(prompts[i : i + 16]))
            if tastes:
                liked, disliked, betas = zip(*tastes[i : i + 16])
                taste = self.sampler.texts(list(liked)), self.sampler.texts(list(disliked))
                condition = mixed(condition, *taste, torch.tensor(betas, device=condition[0].device))
            found = self.judge.look(self.sampler.draw(condition, seeds[i : i + 16]))
            subjects += found[0]
            looks.append(found[1])
        return subjects, {factor: np.concatenate([look[factor] for look in looks]) for factor in looks[0]}

    def rendered(self, specs):
        """Return subjects and looks of the renderer's own pictures."""
        size = self.sampler.unet.config.sample_size * self.sampler.cell
        return self.judge.look([render(spec, 7_000_000 + i, size, size)[0] for i, spec in enumerate(specs)])

    def subjects(self, seeds: int) -> dict:
        """Return the share of recognised subjects, plain and in scenes."""
        names = list(captions.SCENE_PHRASES)[1:10]
        scenes = [next(p for p in captions.SCENE_PHRASES[name] if p) for name in names]
        result = {}
        for kind in ("plain", "in a scene"):
            nouns = [noun for noun in self.nouns for _ in range(seeds)]
            places = [f" {scenes[i % len(scenes)]}" if kind != "plain" else "" for i in range(len(nouns))]
            prompts = [captions.article(noun) + place for noun, place in zip(nouns, places)]
            found, _ = self.draw(prompts, range(100, 100 + len(prompts)))
            right = [a == b for a, b in zip(found, nouns)]
            result[kind] = round(float(np.mean(right)), 3)
            where = [names[i % len(names)] if kind != "plain" else "plain" for i in range(len(nouns))]
            real, _ = self.rendered([Spec((Thing(noun),), scene=scene) for noun, scene in zip(nouns, where)])
            result[f"{kind}, rendered"] = round(float(np.mean([a == b for a, b in zip(real, nouns)])), 3)
            result[f"{kind}, missed"] = sorted({n for n, ok in zip(nouns, right) if not ok})
        return result | {"subjects": len(self.nouns), "seeds": seeds}

    def shapes(self) -> dict:
        """Return the share of plain subjects recognised in the square of a portrait and a landscape picture where things stand."""
        side = self.sampler.unet.config.sample_size * self.sampler.cell
        long, short = portrait(side, side)
        result = {}
        for name, (height, width) in (("portrait", (long, short)), ("landscape", (short, long))):
            top, left = round(0.7 * (height - short)), (width - short) // 2
            right = []
            for i in range(0, len(self.nouns), 16):
                nouns = self.nouns[i : i + 16]
                condition = self.sampler.texts([captions.article(noun) for noun in nouns])
                pictures = self.sampler.draw(condition, range(i, i + len(nouns)), height, width)
                found, _ = self.judge.look([p[top : top + short, left : left + short] for p in pictures])
                right += [a == b for a, b in zip(found, nouns)]
            result[f"{name}, {width}x{height}"] = round(float(np.mean(right)), 3)
        return result

    def styles(self, seeds: int) -> dict:
        """Return by factor the share of styles seen by the judge, asked for in the prompt and by a taste at beta 0.6."""
        cases = [(style, k) for style in self.values for k in range(seeds)]
        nouns = [self.nouns[(3 * i) % len(self.nouns)] for i in range(len(cases))]
        prompts = [captions.article(noun) for noun in nouns]
        seen = {}
        for way in ("prompt", "taste", "rendered"):
            words = [self.word(style) for style, _ in cases]
            if way == "prompt":
                found, looks = self.draw([f"{p}, {w}" for p, w in zip(prompts, words)], range(50, 50 + len(cases)))
            elif way == "rendered":
                found, looks = self.rendered(
                    [Spec((Thing(noun),), styles=((*style, 1.0),)) for noun, (style, _) in zip(nouns, cases)]
                )
            else:
                found, looks = self.draw(prompts, range(50, 50 + len(cases)), [(w, "", 0.6) for w in words])
            ok = np.array(
                [self.names({f: v[i : i + 1] for f, v in looks.items()}, s)[0] for i, (s, _) in enumerate(cases)]
            )
            table = {}
            for factor in dict.fromkeys(f for f, _ in self.values):
                rows = [i for i, ((f, _), _) in enumerate(cases) if f == factor]
                table[factor] = round(float(ok[rows].mean()), 3)
            seen[way] = table | {"all": round(float(ok.mean()), 3)}
            seen[f"subject under {way}"] = round(float(np.mean([a == b for a, b in zip(found, nouns)])), 3)
            seen[f"{way}, missed"] = sorted({self.word(s) for (s, _), good in zip(cases, ok) if not good})
        return seen | {"styles": len(self.values), "pictures of each": seeds}

    def taste(self) -> tuple[list, list]:
        """Return a random taste: two or three liked and as many disliked styles of the main factors and some other."""
        factors = list(dict.fromkeys(f for f, _ in self.values))
        chosen = [f for f in MAIN if f in factors and self.rng.random() < 0.8] or [factors[0]]
        others = [f for f in factors if f not in chosen]
        if others and self.rng.random() < 0.4:
            chosen.append(str(self.rng.choice(others)))
        liked, disliked = [], []
        for factor in chosen:
            values = [v for f, v in self.values if f == factor]
            if len(values) < 2:
                continue
            first, second = self.rng.choice(values, 2, replace=False)
            liked.append((factor, str(first)))
            disliked.append((factor, str(second)))
        return liked, disliked

    def sweeps(self, profiles: int, prompts: int) -> dict:
        """Return how the judge's chances of liked and disliked styles move with beta, and how subjects fare."""
        rows, right = [], []
        nouns = [self.nouns[int(i)] for i in self.rng.permutation(len(self.nouns))[:prompts]]
        for number in range(profiles):
            liked, disliked = self.taste()
            words = [", ".join(self.word(s) for s in part) for part in (liked, disliked)]
            for noun in nouns:
                tastes = [(*words, beta) for beta in BETAS]
                found, looks = self.draw([captions.article(noun)] * len(BETAS), [number] * len(BETAS), tastes)
                up = np.mean([self.chance(looks, s) for s in liked], 0)
                down = np.mean([self.chance(looks, s) for s in disliked], 0)
                rows.append((up, down))
                right.append([name == noun for name in found])
        up, down = (np.array([row[k] for row in rows]) for k in (0, 1))
        rising, falling = (np.diff(up, axis=1) > -TOLERANCE), (np.diff(-down, axis=1) > -TOLERANCE)
        return {
            "sweeps": len(rows),
            "liked rises in every step": round(float(rising.all(1).mean()), 3),
            "disliked falls in every step": round(float(falling.all(1).mean()), 3),
            "both": round(float((rising.all(1) & falling.all(1)).mean()), 3),
            "rising steps": round(float(rising.mean()), 3),
            "liked higher at 1 than at 0": round(float((up[:, -1] > up[:, 0]).mean()), 3),
            "chance of liked by beta": up.mean(0).round(3).tolist(),
            "chance of disliked by beta": down.mean(0).round(3).tolist(),
            "subject recognised by beta": np.mean(right, 0).round(3).tolist(),
        }

    def opposites(self, pairs: int, beta: float = 0.6) -> dict:
        """Return the share of cases in which a taste's picture shows more of it than the reverse taste's does."""
        nouns, tastes, styles, specs = [], [], [], []
        for number in range(pairs):
            liked, disliked = self.taste()
            words = [", ".join(self.word(s) for s in part) for part in (liked, disliked)]
            nouns += [self.nouns[(5 * number) % len(self.nouns)]] * 2
            tastes += [(*words, beta), (*words[::-1], beta)]
            styles.append((liked, disliked))
            specs += [Spec((Thing(nouns[-1]),), styles=tuple((*s, 1.0) for s in part)) for part in (liked, disliked)]
        result = {"pairs": pairs, "beta": beta}
        drawn = self.draw([captions.article(noun) for noun in nouns], [i // 2 for i in range(len(nouns))], tastes)
        for name, (found, looks) in (("", drawn), (", rendered", self.rendered(specs))):
            told, seen = [], []
            for number, (liked, disliked) in enumerate(styles):
                two = {factor: chances[2 * number : 2 * number + 2] for factor, chances in looks.items()}
                score = sum(self.chance(two, s) for s in liked) - sum(self.chance(two, s) for s in disliked)
                told.append(score[0] > score[1])
                seen += [np.mean([self.chance(two, s)[at] for s in part]) for at, part in enumerate((liked, disliked))]
            result[f"told apart{name}"] = round(float(np.mean(told)), 3)
            result[f"chance of liked{name}"] = round(float(np.mean(seen)), 3)
            result[f"subject recognised{name}"] = round(float(np.mean([a == b for a, b in zip(found, nouns)])), 3)
        return result

    def diversity(self, seeds: int) -> dict:
        """Return the mean distance (16x16, values 0 to 1) between seeds of one prompt, drawn and rendered."""
        made, real = [], []
        for noun in self.nouns[:3]:
            prompt = f"{captions.article(noun)} in the mountains"
            made.append(_spread(self.sampler.draw(self.sampler.texts([prompt] * seeds), range(seeds))))
            size = self.sampler.unet.config.sample_size * self.sampler.cell
            spec = Spec((Thing(noun),), scene="mountains")
            real.append(_spread([render(spec, i, size, size)[0] for i in range(seeds)]))
        return {"seeds": seeds, "drawn": round(float(np.mean(made)), 4), "rendered": round(float(np.mean(real)), 4)}


def _spread(images) -> float:
    small = np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in images]) / 255
    pairs = [np.abs(a - b).mean() for i, a in enumerate(small) for b in small[:i]]
    return float(np.mean(pairs))


def markdown(result: dict) -> str:
    """Return the figures as a table for the model card."""
    lines = ["| Measure | Value |", "| --- | --- |"]
    for task, values in result.items():
        for name, value in values.items():
            if isinstance(value, dict):
                value = ", ".join(f"{k} {v}" for k, v in value.items())
            elif isinstance(value, list):
                value = ", ".join(map(str, value)) or "none"
            lines.append(f"| {task}: {name} | {value} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--judge", required=True)
    parser.add_argument("--subjects", type=int, default=0, help="as for make_data.py")
    parser.add_argument("--styles", choices=("all", "first"), default="all", help="as for make_data.py")
    parser.add_argument("--subject-seeds", type=int, default=4)
    parser.add_argument("--style-seeds", type=int, default=4)
    parser.add_argument("--profiles", type=int, default=50)
    parser.add_argument("--prompts", type=int, default=10, help="for each profile")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=8, help="for the diversity")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--rescale", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="judge,subjects,shapes,styles,sweeps,opposites,diversity")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="draw in bfloat16: twice as fast on CPUs that multiply it")
    parser.add_argument("--out", required=True)
    parser.add_argument("--markdown")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judge = load_judge(args.judge)
    sampler = Sampler(args.model, args.steps, args.guidance, args.rescale, args.device, args.half)
    bench = Bench(sampler, judge, some_subjects(args.subjects), some_styles(args.styles), args.seed)
    tasks = {
        "judge": lambda: judge.report,
        "subjects": lambda: bench.subjects(args.subject_seeds),
        "shapes": bench.shapes,
        "styles": lambda: bench.styles(args.style_seeds),
        "sweeps": lambda: bench.sweeps(args.profiles, args.prompts),
        "opposites": lambda: bench.opposites(args.pairs),
        "diversity": lambda: bench.diversity(args.seeds),
    }
    result = json.loads(Path(args.out).read_text()) if Path(args.out).exists() else {}
    for name in args.only.split(","):
        result[name] = tasks[name]()
        print(name, json.dumps(result[name]), flush=True)
        Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    if args.markdown:
        Path(args.markdown).write_text(markdown(result))


if __name__ == "__main__":
    main()
