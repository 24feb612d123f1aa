#!/usr/bin/env python3
"""bench_torch.py: GPT-2's training step in PyTorch on the CPU, which bench.sh sets beside chapter 10's.

The same model, sizes and step as chapter 10's, in f32: gradients clipped to norm 1, fused AdamW, no dropout; random
tokens. With --processes 2 the batch is shared between two, whose gradients DistributedDataParallel adds over gloo.
Writes the median of the steps and the memory of a process to --json, with the names that chapter 10 uses.
"""
import argparse
import json
import os
import resource
import statistics
import time

import torch
from torch import distributed, nn

from torch_gpt import add_size_options, gpt_of


def batches(options, rank):
    torch.manual_seed(1234 + rank)
    shape = (options.batch // options.processes, options.context + 1)
    for _ in range(4):
        ids = torch.randint(options.vocabulary, shape)
        yield ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def train(rank, options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(1234)
    model = gpt_of(options)
    run = torch.compile(model) if options.compile else model
    if options.processes > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
        distributed.init_process_group("gloo", rank=rank, world_size=options.processes)
        run = nn.parallel.DistributedDataParallel(run)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    data = list(batches(options, rank))
    seconds = []
    for number in range(options.warm_up + options.steps):
        start = time.perf_counter()
        loss = run(*data[number % len(data)])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        if number >= options.warm_up:
            seconds.append(time.perf_counter() - start)
    if rank == 0:
        results = {
            "milliseconds_per_step": 1000 * statistics.median(seconds),
            "peak_resident_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "compiled": options.compile,
            "torch": torch.__version__,
        }
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    if options.processes > 1:
        distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_size_options(parser, batch=12, steps=40, warm_up=8)
    parser.add_argument("--threads", type=int, default=2, help="of each process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", required=True, help="the file to write")
    parser.add_argument("--port", type=int, default=29500, help="where the processes meet")
    options = parser.parse_args()
    if options.processes == 1:
        train(0, options)
    else:
        torch.multiprocessing.spawn(train, args=(options,), nprocs=options.processes)


if __name__ == "__main__":
    main()
