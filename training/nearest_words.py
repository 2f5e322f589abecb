"""Find, for common English words, the subject that is nearest in meaning, as extra words of captions.

    python nearest_words.py --model all-MiniLM-L6-v2 --words words.txt --out nearest_words.toml

The folder holds a small sentence model in transformers' layout; the word list has one word a line, common ones first. A word is kept
where one subject is close, and closer than any other by a margin. The table is read by eye before it is used: words that the model
brings near for another reason than meaning are named in `--without`.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import captions
import torch
from renderer.picture import subjects
from transformers import AutoModel, AutoTokenizer


@torch.no_grad()
def embed(model, tokenizer, texts: list[str]) -> torch.Tensor:
    """Return unit embeddings: the mean over tokens."""
    parts = []
    for start in range(0, len(texts), 256):
        batch = tokenizer(texts[start : start + 256], padding=True, return_tensors="pt")
        mask = batch.attention_mask[..., None]
        states = model(**batch).last_hidden_state
        parts.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1))
    return torch.cat(parts)


def main() -> None:
    """Parse the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--words", required=True)
    parser.add_argument("--least", type=float, default=0.62, help="similarity from which a word counts as near")
    parser.add_argument("--margin", type=float, default=0.06, help="how much nearer than the next subject it has to be")
    parser.add_argument("--without", default="", help="words to leave out, by comma")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = AutoModel.from_pretrained(args.model).float().eval(), AutoTokenizer.from_pretrained(args.model)
    styles = [word for values in captions.style_words().values() for words in values.values() for word in words]
    known = {part for phrase in captions.vocabulary() for part in phrase.split()} | {
        p for w in styles for p in w.split()
    }
    known |= {p for w in captions.neutral_words() for p in w.split()} | set(args.without.split(","))
    words = [w.strip() for w in Path(args.words).read_text().split("\n")]
    words = [w for w in words if w.isalpha() and len(w) > 2 and w not in known and w.rstrip("s") not in known]
    nouns = list(subjects())
    likeness = embed(model, tokenizer, words) @ embed(model, tokenizer, nouns).T
    best, second = likeness.topk(2, dim=1).values.T
    table = defaultdict(list)
    for word, near, next_one, at in zip(words, best, second, likeness.argmax(1)):
        if near >= args.least and near - next_one >= args.margin:
            table[nouns[at]].append(word)
    lines = [
        "# Common words and the subject nearest to each in meaning; made by nearest_words.py and read by eye.",
        "",
        "[subjects]",
    ]
    lines += [
        f'"{noun}" = [{", ".join(chr(34) + w + chr(34) for w in table[noun])}]' for noun in nouns if noun in table
    ]
    Path(args.out).write_text("\n".join(lines) + "\n")
    print(sum(map(len, table.values())), "words for", len(table), "subjects")


if __name__ == "__main__":
    main()
