"""Draw pictures from an exported model, with the bot's formula. Used by the evaluation; `--sheets` draws grids.

    python sampling.py --model ../assets/model --out sheets

`subjects`, `scenes` and `styles` show everything; `card`, `matrix`, `ladders` and `profiles` are those of the documentation:
pictures of half the size with their words beside them.
"""

import argparse
import textwrap
from pathlib import Path

import captions
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from make_data import some_styles, some_subjects
from PIL import Image, ImageDraw, ImageFont
from text_model import encode, personalise, personalise_pooled, tokenize
from transformers import CLIPTextModelWithProjection, CLIPTokenizer
from unet_model import denoise, half_precision

OPPOSITES = (
    ("pastel colours, soft lighting, watercolour", "neon colours, dark lighting, pixel art"),
    ("neon colours, pixel art", "pastel colours, watercolour, calm mood"),
    ("warm colours, golden hour, oil painting, impasto", "cool colours, foggy atmosphere, pencil sketch"),
    ("cool colours, moonlight, stained glass", "warm colours, bright sunlight, pop art"),
    ("black and white, pencil sketch, fine lines", "vivid colours, pop art, bright sunlight"),
    ("pop art, bold outlines, vivid colours, high contrast", "black and white, foggy atmosphere, low contrast"),
    ("sepia, vintage look, film grain, nostalgic mood", "neon colours, futuristic look, low poly"),
    ("low poly, geometric shapes, vivid colours", "ukiyo-e, earth tones, film grain"),
)
PROMPTS = ("a cat", "a castle in the mountains", "a sailboat at sea")
MATRIX_PROMPTS = (
    *("a cat", "a lighthouse at sea", "a red car in the city", "an owl in a forest", "a castle in the mountains"),
    *("a guitar", "two tulips in a meadow", "a dragon"),
)
CARD_STYLES = (
    *("watercolour", "pencil sketch", "stained glass", "ink wash", "cyanotype", "polaroid"),
    *("neon colours", "pastel colours", "black and white", "golden hour", "moonlight", "sepia"),
)
MATRIX_STYLES = (
    *("", "watercolour", "oil painting", "pencil sketch", "stained glass", "pixel art", "low poly", "woodblock print"),
    *("neon colours", "pastel colours", "black and white", "golden hour"),
)


class Sampler:
    """An exported model with the sampling settings of the bot."""

    def __init__(
        self, folder: str, steps: int = 12, guidance: float = 2.5, rescale=0.7, device: str = "cpu", half=False
    ):
        root = Path(folder)
        self.tokenizer = CLIPTokenizer.from_pretrained(root / "tokenizer_2")
        self.encoder = CLIPTextModelWithProjection.from_pretrained(root / "text_encoder_2").float().eval().to(device)
        self.unet = UNet2DConditionModel.from_pretrained(root / "unet").float().eval()
        self.unet.to(device, memory_format=torch.channels_last)
        self.vae = AutoencoderKL.from_pretrained(root / "vae").float().eval().to(device)
        if half:
            half_precision(self.unet)
            half_precision(self.vae)
        self.cell = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.steps, self.guidance, self.rescale, self.device = steps, guidance, rescale, device

    @torch.no_grad()
    def texts(self, texts: list[str]):
        """Return token and pooled embeddings."""
        return encode(self.encoder, tokenize(self.tokenizer, texts).to(self.device))

    def personal(self, prompts, liked: str, disliked: str, betas):
        """Return conditions for prompts paired with degrees of a taste."""
        tokens, pooled = self.texts(list(prompts))
        taste = self.texts([liked]), self.texts([disliked])
        return mixed((tokens, pooled), *taste, torch.tensor(betas, device=self.device))

    @torch.no_grad()
    def latents(self, condition, seeds, height: int = 0, width: int = 0) -> torch.Tensor:
        """Return latents, one for each row of the condition; by default of the model's own size."""
        tokens, pooled = condition
        usual = self.unet.config.sample_size * self.cell
        height, width = height or usual, width or usual
        shape = (1, self.unet.config.in_channels, height // self.cell, width // self.cell)
        noise = torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(int(s))) for s in seeds])
        options = {"steps": self.steps, "guidance": self.guidance, "rescale": self.rescale}
        return denoise(self.unet, tokens, pooled, self.texts([""]), noise.to(self.device), (height, width), **options)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> np.ndarray:
        """Return uint8 pictures (n, h, w, 3) of latents."""
        latents = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)
        parts = [self.vae.decode(x).sample.float() for x in latents.split(8)]
        pictures = (torch.cat(parts).clamp(-1, 1) + 1) * 127.5 + 0.5
        return pictures.byte().permute(0, 2, 3, 1).cpu().numpy()

    def draw(self, condition, seeds, height: int = 0, width: int = 0) -> np.ndarray:
        """Return uint8 pictures (n, h, w, 3), one for each row of the condition."""
        return self.decode(self.latents(condition, seeds, height, width))


def mixed(prompts, likes, dislikes, betas: torch.Tensor):
    """Return token and pooled embeddings by the formula; each of the three is a pair of both, with one row or one for each degree."""
    tokens = personalise(prompts[0], likes[0], dislikes[0], betas.view(-1, 1, 1))
    return tokens, personalise_pooled(prompts[1], likes[1], dislikes[1], betas.view(-1, 1))


def grid(rows, path) -> None:
    """Write rows of pictures as one image file; short rows are filled with white."""
    width = max(len(row) for row in rows)
    blank = np.full_like(rows[0][0], 255)
    lines = [np.concatenate([*row, *[blank] * (width - len(row))], 1) for row in rows]
    Image.fromarray(np.concatenate(lines)).save(path, quality=88)


def labelled(rows, left: list[str], top: list[str], path, side: int = 128) -> None:
    """Write rows of pictures, `side` pixels wide, as one image file with words at the left of each row and above each column."""
    font, margin, line = ImageFont.load_default(13), 170, 18
    lines = [_wrapped(text, 24) for text in left]
    height = line * max(len(_wrapped(text, 17)) for text in top) + 8
    page = Image.new("RGB", (margin + len(top) * (side + 2), height + len(rows) * (side + 2)), "white")
    pen = ImageDraw.Draw(page)
    for column, text in enumerate(top):
        pen.multiline_text((margin + column * (side + 2) + 2, 4), "\n".join(_wrapped(text, 17)), "black", font)
    for number, row in enumerate(rows):
        at = height + number * (side + 2)
        pen.multiline_text((6, at + 6), "\n".join(lines[number]), "black", font)
        for column, picture in enumerate(row):
            small = Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)
            page.paste(small, (margin + column * (side + 2), at))
    page.save(path, quality=86)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]


def _matrix(sampler):
    """Return subjects by styles, each asked for in the prompt."""
    rows = [
        sampler.draw(
            sampler.texts([f"{prompt}, {style}" if style else prompt for style in MATRIX_STYLES]),
            [5] * len(MATRIX_STYLES),
        )
        for prompt in MATRIX_PROMPTS
    ]
    return rows, list(MATRIX_PROMPTS), [style or "(none)" for style in MATRIX_STYLES]


def _ladders(sampler):
    """Return tastes by degree, on one prompt and seed each."""
    betas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    rows, left = [], []
    for number, (liked, disliked) in enumerate(OPPOSITES):
        prompt = MATRIX_PROMPTS[number % len(MATRIX_PROMPTS)]
        rows.append(
            sampler.draw(sampler.personal([prompt] * len(betas), liked, disliked, betas), [number] * len(betas))
        )
        left.append(f"{prompt}. Likes {liked}. Dislikes {disliked}.")
    return rows, left, [f"beta = {beta}" for beta in betas]


def _profiles(sampler, beta: float = 0.6):
    """Return prompts by people: the same prompt and seed without a taste, then in each of several."""
    tastes = [taste for pair in OPPOSITES[:8:2] for taste in (pair, pair[::-1])]
    rows = []
    for seed, prompt in enumerate(MATRIX_PROMPTS):
        row = list(sampler.draw(sampler.texts([prompt]), [seed]))
        for liked, disliked in tastes:
            row += list(sampler.draw(sampler.personal([prompt], liked, disliked, [beta]), [seed]))
        rows.append(row)
    return rows, list(MATRIX_PROMPTS), ["no taste", *(liked for liked, _ in tastes)]


LABELLED = {"matrix": _matrix, "ladders": _ladders, "profiles": _profiles}


def main() -> None:
    """Parse the command line and draw sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--rescale", type=float, default=0.7)
    parser.add_argument("--subjects", type=int, default=0, help="as for make_data.py")
    parser.add_argument("--styles", choices=("all", "first"), default="all", help="as for make_data.py")
    parser.add_argument("--sheets", default="subjects,scenes,styles,taste,card")
    parser.add_argument("--format", default="png", help="png or jpg")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sampler = Sampler(args.model, args.steps, args.guidance, args.rescale, args.device)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    table = captions.style_words()
    words = [table[factor][value][0] for factor, values in some_styles(args.styles).items() for value in values]
    nouns = some_subjects(args.subjects)
    for name in args.sheets.split(","):
        path = out / f"{name}.{args.format}"
        if name in LABELLED:
            labelled(*LABELLED[name](sampler), path)
        else:
            rows = {"subjects": _subjects, "scenes": _scenes, "styles": _styles, "taste": _taste, "card": _card}[name]
            grid(rows(sampler, nouns, words), path)
        print(name, flush=True)


def _subjects(sampler, nouns, words):
    pictures = sampler.draw(sampler.texts([captions.article(noun) for noun in nouns]), range(len(nouns)))
    return [pictures[i : i + 9] for i in range(0, len(pictures), 9)]


def _scenes(sampler, nouns, words):
    places = [next(p for p in phrases if p) for phrases in captions.SCENE_PHRASES.values()][1:]
    lines = [[f"{captions.article(noun)} {p}" for p in places] for noun in ("owl", "castle", "car")]
    return [sampler.draw(sampler.texts(line), [9] * len(line)) for line in lines]


def _styles(sampler, nouns, words):
    rows = []
    for start in range(0, len(words), 9):
        part = words[start : start + 9]
        rows += [sampler.draw(sampler.texts([f"{prompt}, {w}" for w in part]), [7] * len(part)) for prompt in PROMPTS]
    return rows


def _taste(sampler, nouns, words):
    betas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    return [
        sampler.draw(sampler.personal([prompt] * 6, liked, disliked, betas), [seed] * 6)
        for liked, disliked in OPPOSITES
        for seed, prompt in enumerate(PROMPTS[:2])
    ]


def _card(sampler, nouns, words):
    """Return the sheet of the model card: subjects, scenes, styles, and two tastes by degree."""
    prompts = [captions.article(noun) for noun in nouns[:18]]
    prompts += [
        "a lighthouse at sea, golden hour",
        "a fox in the snow",
        "a castle in the mountains",
        "a rocket under the stars",
    ]
    prompts += ["a car in the desert", "an owl in a forest"]
    prompts += [f"a cat, {word}" for word in CARD_STYLES]
    pictures = sampler.draw(sampler.texts(prompts), range(len(prompts)))
    rows = [pictures[i : i + 6] for i in range(0, len(pictures), 6)]
    betas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for (liked, disliked), prompt in zip(OPPOSITES[:4:3], PROMPTS[1:]):
        rows.append(sampler.draw(sampler.personal([prompt] * 6, liked, disliked, betas), [4] * 6))
    return rows


if __name__ == "__main__":
    main()
