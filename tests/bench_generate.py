#!/usr/bin/env python3
"""bench_generate.py: how fast transformers writes with a GPT-2 on the CPU, which bench.sh sets beside chapter 12's.

Greedy, in f32, with transformers' cache of keys and values: one call of the model for the prompts, and one for each
token of all texts. Writes the tokens per second of both, and what was written first, to --json, with the names that
chapter 12 uses.
"""
import argparse
import json
import time
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel


def write(model, prompts, count):
    """Seconds for the prompts, [texts, tokens], and for `count` more tokens of each; and the tokens of the first."""
    start = time.perf_counter()
    result = model(prompts, use_cache=True, logits_to_keep=1)
    tokens = [result.logits[:, -1].argmax(-1, keepdim=True)]
    middle = time.perf_counter()
    for _ in range(count):
        result = model(tokens[-1], past_key_values=result.past_key_values, use_cache=True)
        tokens.append(result.logits[:, -1].argmax(-1, keepdim=True))
    return middle - start, time.perf_counter() - middle, torch.cat(tokens, 1)[0].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", required=True, help="the model's folder")
    parser.add_argument("--prompt", required=True, help="a text; its tokens are those of vocab.json's characters")
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--generate", type=int, default=100, help="tokens after the first, of each text")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", required=True, help="the file to write")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    vocabulary = json.loads(Path(options.weights, "vocab.json").read_text(encoding="utf-8"))
    prompts = torch.tensor([[vocabulary[letter] for letter in options.prompt]] * options.sequences)
    model = GPT2LMHeadModel.from_pretrained(options.weights).eval()
    with torch.inference_mode():
        write(model, prompts, 2)  # what is done only once
        prompt_seconds, seconds, tokens = write(model, prompts, options.generate)
    results = {
        "prompt_tokens_per_second": prompts.numel() / prompt_seconds,
        "tokens_per_second": options.sequences * options.generate / seconds,
        "tokens": prompts[0].tolist() + tokens,
        "torch": torch.__version__,
    }
    Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
