#!/usr/bin/env python3
"""gpu_torch.py: GPT-2's training step in PyTorch, which gpu.sh sets beside chapter 10's.

The same model and the same step: bf16 autocast over f32 weights, PyTorch's own attention kernel, gradients clipped to norm 1, AdamW.
Prints tokens a second, by the median of the steps: "eager 12345", or with --compile "compiled 23456". Then, as rows of Markdown, the kernels of
one step that take most of its time.
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from torch_gpt import add_size_options, gpt_of


def tokens_per_second(model, batches, options):
    """And the kernels of one step."""
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
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        step(*batches[0])
        torch.cuda.synchronize()
    return options.batch * options.context / statistics.median(seconds), recorded.key_averages()


def rows_of(kernels, most=20):
    longest = sorted(kernels, key=lambda kernel: -kernel.self_device_time_total)
    for kernel in longest[:most]:
        name = kernel.key if len(kernel.key) < 90 else kernel.key[:87] + "..."
        yield f"| `{name}` | {kernel.count} | {kernel.self_device_time_total / 1000:.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_size_options(parser, batch=32, steps=10, warm_up=5)
    options = parser.parse_args()
    torch.manual_seed(1234)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda")
    model = gpt_of(options).to(device)
    shape = (options.batch, options.context + 1)
    batches = []
    for _ in range(4):
        ids = torch.randint(options.vocabulary, shape, device=device)
        batches.append((ids[:, :-1].contiguous(), ids[:, 1:].contiguous()))
    speed, kernels = tokens_per_second(model, batches, options)
    print("compiled" if options.compile else "eager", round(speed))
    print(*rows_of(kernels), sep="\n")


if __name__ == "__main__":
    main()
