#!/usr/bin/env python3
"""gpu_torch.py: GPT-2's training step in PyTorch, which gpu.sh sets beside chapter 10's.

The same model and the same step: token and position embedding, blocks of attention and MLP, the embedding again as
output projection; bf16 autocast over f32 weights, PyTorch's own attention kernel, gradients clipped to norm 1, AdamW.
Prints tokens a second, by the median of the steps: "eager 12345", or with --compile "compiled 23456".
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):  # [batch, context, width]
        batch, context, width = x.shape
        q, k, v = (
            part.view(batch, context, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.norm_1(x)).split(width, dim=2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(y.transpose(1, 2).reshape(batch, context, width))
        return x + self.down(functional.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocabulary, context, width, heads, layers):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for matrix in (p for p in self.parameters() if p.dim() == 2):
            nn.init.normal_(matrix, std=0.02)

    def forward(self, tokens, targets):  # [batch, context]; the mean loss
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = functional.linear(self.norm(x), self.tokens.weight)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def tokens_per_second(model, batches, options):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.99), weight_decay=0.1, fused=True)

    def step(tokens, targets):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = run(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    run = torch.compile(model) if options.compile else model
    seconds = []
    for number in range(options.warm_up + options.steps):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step(*batches[number % len(batches)])
        torch.cuda.synchronize()
        if number >= options.warm_up:
            seconds.append(time.perf_counter() - start)
    return options.batch * options.context / statistics.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sizes = {"vocabulary": 50304, "context": 1024, "width": 768, "heads": 12, "layers": 12}
    for name, value in {**sizes, "batch": 32, "warm-up": 5, "steps": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    options = parser.parse_args()
    torch.manual_seed(1234)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda")
    model = Gpt(**{name: getattr(options, name) for name in sizes}).to(device)
    shape = (options.batch, options.context + 1)
    batches = []
    for _ in range(4):
        ids = torch.randint(options.vocabulary, shape, device=device)
        batches.append((ids[:, :-1].contiguous(), ids[:, 1:].contiguous()))
    speed = tokens_per_second(model, batches, options)
    print("compiled" if options.compile else "eager", round(speed))


if __name__ == "__main__":
    main()
