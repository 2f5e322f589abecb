"""diffusers' side of the comparison: reads one request a line on stdin, answers with one line of JSON on stdout.

The Rust program beside this file starts it and tells it what to time; `main.rs` describes the requests.
"""

import json
import os
import sys
import time

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

STEPS, GUIDANCE = 20, 7.5


def peak_memory():
    """The largest resident set of this process so far, in bytes."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class Side:
    def __init__(self, folder, threads, dtype):
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.xl = "sdxl" in os.path.basename(folder)
        kind = StableDiffusionXLPipeline if self.xl else StableDiffusionPipeline
        self.dtype = dtype
        self.pipe = kind.from_pretrained(folder, torch_dtype=dtype, low_cpu_mem_usage=True)
        self.pipe.scheduler.set_timesteps(STEPS)
        self.texts = {}
        self.latents = None

    def layout(self, channels_last):
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.pipe.unet.to(memory_format=layout)
        self.pipe.vae.to(memory_format=layout)

    def encode(self, text):
        if self.xl:
            states, _, pooled, _ = self.pipe.encode_prompt(
                text, text, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
            )
            return states, pooled
        return self.pipe.encode_prompt(text, "cpu", 1, False)[0], None

    def text(self, text):
        if text not in self.texts:
            self.texts[text] = self.encode(text)
        return self.texts[text]

    def step(self, request):
        """One step with guidance: the denoiser on two rows, the guidance formula, the sampler."""
        height, width = request["height"] // 8, request["width"] // 8
        noise = torch.from_file(request["latents"], size=4 * height * width).reshape(1, 4, height, width).clone()
        negative, prompt = self.text(request["negative"]), self.text(request["prompt"])
        states = torch.cat([negative[0], prompt[0]])
        added = None
        if self.xl:
            ids = [request["height"], request["width"], 0, 0, request["height"], request["width"]]
            added = {"text_embeds": torch.cat([negative[1], prompt[1]]), "time_ids": torch.tensor([ids, ids]).to(self.dtype)}
        scheduler = self.pipe.scheduler
        t = scheduler.timesteps[0]
        start = time.perf_counter()
        rows = scheduler.scale_model_input(torch.cat([noise] * 2), t).to(self.dtype)
        output = self.pipe.unet(rows, t, encoder_hidden_states=states, added_cond_kwargs=added).sample.float()
        without, with_text = output.chunk(2)
        output = without + GUIDANCE * (with_text - without)
        self.latents = scheduler.step(output, t, noise).prev_sample
        seconds = time.perf_counter() - start
        self.latents.contiguous().numpy().tofile(request["out"])
        return seconds

    def decode(self, request):
        """The autoencoder, and 8 bits."""
        start = time.perf_counter()
        picture = self.pipe.vae.decode((self.latents / self.pipe.vae.config.scaling_factor).to(self.dtype)).sample.float()
        picture = ((picture / 2 + 0.5).clamp(0, 1)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
        seconds = time.perf_counter() - start
        picture.numpy().tofile(request["out"])
        return seconds

    def new_text(self, request):
        start = time.perf_counter()
        self.encode(request["prompt"])
        return time.perf_counter() - start

    def answer(self, request):
        what = request["do"]
        if what == "layout":
            self.layout(request["channels_last"])
            return {"seconds": 0.0}
        if what == "peak":
            return {"seconds": 0.0, "peak": peak_memory()}
        return {"seconds": {"step": self.step, "decode": self.decode, "text": self.new_text}[what](request)}


def main():
    side = Side(sys.argv[1], int(sys.argv[2]), torch.bfloat16 if "bf16" in sys.argv[3:] else torch.float32)
    # Libraries must not write into the conversation.
    out, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps({"seconds": 0.0}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(side.answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
