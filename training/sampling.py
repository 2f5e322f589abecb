"""Draw pictures from an exported model, with the bot's formula. Used by the evaluation; `--sheets` draws grids.

python sampling.py --model ../assets/model --out sheets
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

import captions
from codec import PatchCodec
from renderer.picture import subjects
from text_model import encode, personalise, tokenize
from unet_model import time_ids

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

    def __init__(self, folder: str, codec: str | None = None, steps: int = 20, guidance: float = 3.0, rescale=0.7):
        root = Path(folder)
        self.tokenizer = CLIPTokenizer.from_pretrained(root / "tokenizer_2")
        self.encoder = CLIPTextModelWithProjection.from_pretrained(root / "text_encoder_2").float().eval()
        self.unet = UNet2DConditionModel.from_pretrained(root / "unet").float().eval()
        self.unet.to(memory_format=torch.channels_last)
        self.scheduler = DDIMScheduler.from_pretrained(root / "scheduler")
        self.codec = PatchCodec.load(codec) if codec else None
        self.vae = None if codec else AutoencoderKL.from_pretrained(root / "vae").float().eval()
        self.steps, self.guidance, self.rescale = steps, guidance, rescale

    @torch.no_grad()
    def texts(self, texts: list[str]):
        """Return token and pooled embeddings."""
        return encode(self.encoder, tokenize(self.tokenizer, texts))

    def personal(self, prompts, liked: str, disliked: str, betas):
        """Return conditions for prompts paired with degrees of a taste."""
        tokens, pooled = self.texts(list(prompts))
        (likes, dislikes), _ = self.texts([liked, disliked])
        return personalise(tokens, likes, dislikes, torch.tensor(betas).view(-1, 1, 1)), pooled

    @torch.no_grad()
    def draw(self, condition, seeds, height: int = 128, width: int = 128) -> np.ndarray:
        """Return uint8 pictures (n, h, w, 3), one for each row of the condition."""
        tokens, pooled = condition
        count = len(tokens)
        shape = (1, self.unet.config.in_channels, height // 8, width // 8)
        latents = torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(int(s))) for s in seeds])
        empty, empty_pooled = self.texts([""])
        tokens = torch.cat([empty.expand(count, -1, -1), tokens])
        extra = {
            "text_embeds": torch.cat([empty_pooled.expand(count, -1), pooled]),
            "time_ids": time_ids(2 * count, height, width),
        }
        self.scheduler.set_timesteps(self.steps)
        for step in self.scheduler.timesteps:
            double = torch.cat([latents, latents]).contiguous(memory_format=torch.channels_last)
            free, bound = self.unet(double, step, tokens, added_cond_kwargs=extra).sample.chunk(2)
            guided = free + self.guidance * (bound - free)
            spread = bound.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
            guided = guided * (self.rescale * spread + 1 - self.rescale)
            latents = self.scheduler.step(guided, step, latents).prev_sample
        if self.codec:
            return self.codec.decode(latents.numpy())
        pictures = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return ((pictures.clamp(-1, 1) + 1) * 127.5 + 0.5).byte().permute(0, 2, 3, 1).numpy()


def grid(rows, path) -> None:
    """Write rows of pictures as one image file."""
    Image.fromarray(np.concatenate([np.concatenate(list(row), 1) for row in rows])).save(path)


def main() -> None:
    """Parse the command line and draw sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--codec", help="decode with the linear codec instead of the autoencoder")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--rescale", type=float, default=0.7)
    parser.add_argument("--sheets", default="subjects,scenes,styles,taste")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sampler = Sampler(args.model, args.codec, args.steps, args.guidance, args.rescale)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    wanted = args.sheets.split(",")
    if "subjects" in wanted:
        nouns = [captions.article(noun) for noun in subjects()]
        pictures = sampler.draw(sampler.texts(nouns), range(len(nouns)))
        grid([pictures[i : i + 9] for i in range(0, 36, 9)], out / "subjects.png")
    if "scenes" in wanted:
        places = [phrases[0] for phrases in captions.SCENE_PHRASES.values()][1:]
        rows = [
            sampler.draw(sampler.texts([f"{captions.article(noun)} {p}" for p in places]), [9] * len(places))
            for noun in ("owl", "castle", "car")
        ]
        grid(rows, out / "scenes.png")
    if "styles" in wanted:
        words = [group[0] for values in captions.style_words().values() for group in values.values()]
        rows = []
        for start in range(0, len(words), 9):
            part = words[start : start + 9]
            rows += [
                sampler.draw(sampler.texts([f"{prompt}, {w}" for w in part]), [7] * len(part)) for prompt in PROMPTS
            ]
        width = 9
        blank = np.full((128, 128, 3), 255, np.uint8)
        grid([list(row) + [blank] * (width - len(row)) for row in rows], out / "styles.png")
    if "taste" in wanted:
        betas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        for part, pairs in enumerate((OPPOSITES[:4], OPPOSITES[4:])):
            rows = [
                sampler.draw(sampler.personal([prompt] * 6, liked, disliked, betas), [seed] * 6)
                for liked, disliked in pairs
                for seed, prompt in enumerate(PROMPTS[:2])
            ]
            grid(rows, out / f"taste-{part}.png")


if __name__ == "__main__":
    main()
