"""Draw pictures from an exported model, with the bot's formula. Used by the evaluation; `--sheets` draws grids.

python sampling.py --model ../assets/model --out sheets
"""

import argparse
from pathlib import Path

import captions
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from make_data import some_styles, some_subjects
from PIL import Image
from text_model import encode, personalise, tokenize
from transformers import CLIPTextModelWithProjection, CLIPTokenizer
from unet_model import denoise

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


class Sampler:
    """An exported model with the sampling settings of the bot."""

    def __init__(self, folder: str, steps: int = 12, guidance: float = 2.5, rescale=0.7, device: str = "cpu"):
        root = Path(folder)
        self.tokenizer = CLIPTokenizer.from_pretrained(root / "tokenizer_2")
        self.encoder = CLIPTextModelWithProjection.from_pretrained(root / "text_encoder_2").float().eval().to(device)
        self.unet = UNet2DConditionModel.from_pretrained(root / "unet").float().eval()
        self.unet.to(device, memory_format=torch.channels_last)
        self.vae = AutoencoderKL.from_pretrained(root / "vae").float().eval().to(device)
        self.cell = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.steps, self.guidance, self.rescale, self.device = steps, guidance, rescale, device

    @torch.no_grad()
    def texts(self, texts: list[str]):
        """Return token and pooled embeddings."""
        return encode(self.encoder, tokenize(self.tokenizer, texts).to(self.device))

    def personal(self, prompts, liked: str, disliked: str, betas):
        """Return conditions for prompts paired with degrees of a taste."""
        tokens, pooled = self.texts(list(prompts))
        (likes, dislikes), _ = self.texts([liked, disliked])
        return personalise(tokens, likes, dislikes, torch.tensor(betas, device=self.device).view(-1, 1, 1)), pooled

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
        parts = [self.vae.decode(x / self.vae.config.scaling_factor).sample for x in latents.split(8)]
        pictures = (torch.cat(parts).clamp(-1, 1) + 1) * 127.5 + 0.5
        return pictures.byte().permute(0, 2, 3, 1).cpu().numpy()

    def draw(self, condition, seeds, height: int = 0, width: int = 0) -> np.ndarray:
        """Return uint8 pictures (n, h, w, 3), one for each row of the condition."""
        return self.decode(self.latents(condition, seeds, height, width))


def grid(rows, path) -> None:
    """Write rows of pictures as one image file; short rows are filled with white."""
    width = max(len(row) for row in rows)
    blank = np.full_like(rows[0][0], 255)
    lines = [np.concatenate([*row, *[blank] * (width - len(row))], 1) for row in rows]
    Image.fromarray(np.concatenate(lines)).save(path, quality=88)


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
        rows = {"subjects": _subjects, "scenes": _scenes, "styles": _styles, "taste": _taste, "card": _card}[name]
        grid(rows(sampler, nouns, words), out / f"{name}.{args.format}")
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
    prompts += [f"a cat, {word}" for word in words[2 : 2 + 24 : 2]]
    pictures = sampler.draw(sampler.texts(prompts), range(len(prompts)))
    rows = [pictures[i : i + 6] for i in range(0, len(pictures), 6)]
    betas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for (liked, disliked), prompt in zip(OPPOSITES[:4:3], PROMPTS[1:]):
        rows.append(sampler.draw(sampler.personal([prompt] * 6, liked, disliked, betas), [4] * 6))
    return rows


if __name__ == "__main__":
    main()
