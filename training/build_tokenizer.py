"""Build the CLIP-format tokenizer: byte-pair merges learned on captions and common English words.

    python build_tokenizer.py --out model/tokenizer_2 [--english words.txt]

The corpus is what `captions.py` can say, so that subjects, scenes and style words are one or two tokens each; a
list of common English words, if given, keeps other text short as well.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import pre_tokenizers, trainers
from transformers import CLIPTokenizer

import captions
from renderer.picture import subjects

LENGTH = 48
BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def corpus(english: str | None) -> list[str]:
    """Return lines of text, each with a weight expressed by repetition."""
    words = [w for values in captions.style_words().values() for group in values.values() for w in group]
    words += captions.neutral_words()
    words += [word.replace("colour", "color") for word in words if "colour" in word]
    lines = 40 * words
    lines += 200 * list(subjects())
    lines += 80 * captions.vocabulary()
    if english:
        lines += 3 * Path(english).read_text().split("\n")
    return lines


def main() -> None:
    """Parse the command line, train and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--english")
    parser.add_argument("--vocabulary", type=int, default=4600)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    tokenizer = CLIPTokenizer().backend_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocabulary - 2,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(args.english), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    # Bytes that end a word must be tokens too, so that no text is unknown.
    tokens += [c + "</w>" for c in alphabet if c + "</w>" not in model["vocab"]]
    tokens += [BOS, EOS]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    pairs = [tuple(merge.split(" ")) for merge in merges]
    out = Path(args.out)
    CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=LENGTH).save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")
    (out / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    again = CLIPTokenizer.from_pretrained(out)
    lengths = [len(again(w).input_ids) - 2 for w in corpus(None)[::40]]
    print(len(vocabulary), "tokens; tokens a phrase: mean", np.mean(lengths), "most", max(lengths))
    print(again.tokenize("a Sailboat at sea, pastel colours, watercolour; xylophone ünï!"))


if __name__ == "__main__":
    main()
