"""A thousand requests at once, of which half leave at random moments: the others are answered as if they were alone, and nothing is left behind. Through run.sh crowd."""

import argparse
import asyncio
import random
import sys
import time

import client
from asks import Ask, Crowd, alone
from client import TINY, Failed, Watch, serving

KINDS = ("plain", "repeating", "json_schema", "shared prefix")
CROWDS, CACHE_MB = 3, 64
# The door lets 256 requests in at once; the others are told so, and come again.
SLOTS = 256


async def crowds(server, options):
    rng = random.Random(options.seed)
    watch = Watch(server, options.model)
    asks = [Ask(options.model, KINDS[at % len(KINDS)], rng, temperature=0) for at in range(options.distinct)]
    await alone(server, asks)
    rss = [(await watch.comes_to_rest())["rss_mb"]]
    print(f"{options.distinct} distinct requests computed alone; {rss[0]:.1f} MB")
    usual = 0.5
    for number in range(1, CROWDS + 1):
        crowd, started = Crowd(server, rng, usual), time.monotonic()
        everyone = [asks[at % len(asks)] for at in range(options.requests)]
        rng.shuffle(everyone)
        await crowd.all_at_once(everyone, leaving=0.5)
        seconds, usual = time.monotonic() - started, crowd.usual()
        rest, engine = await watch.comes_to_rest(), await watch.engine()
        rss.append(rest["rss_mb"])
        left = sum(value for name, value in (await watch.metrics()).items() if 'status="499"' in name)
        print(
            f"crowd {number}: {seconds:.1f} s, {crowd.counts['answered']} answered as if alone, {crowd.counts['left']} left, {crowd.counts['refused']} times refused, to come again;"
            f" at rest {rest['rss_mb']:.1f} MB, cache {rest['cache_mb']:.1f} MB, pending {rest['pending']}, threads {rest['threads']}, files {rest['files']};"
            f" so far {left:.0f} left before the first word, {engine['accepted_tokens']} guesses came true", flush=True
        )
        if engine["cache_used"] > engine["cache_most"]:
            raise Failed(f"{engine['cache_used']} bytes are remembered, {engine['cache_most']} is the most there may be")
    if rss[3] > rss[2] + max(8, 0.05 * rss[2]):
        raise Failed(f"memory grew from {rss[2]:.1f} MB after the second crowd to {rss[3]:.1f} MB after the third")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=1000, metavar="N", help="in each crowd")
    arguments.add_argument("--distinct", type=int, default=40, metavar="N")
    arguments.add_argument("--model", default=TINY, metavar="NAME", help="an installed one instead of the tiny one")
    arguments.add_argument("--slots", type=int, default=SLOTS, metavar="N", help="few: guesses are made among a crowd, too")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with serving(options.model, CACHE_MB, "--slots", str(options.slots), "--queue", str(options.requests)) as server:
        client.run(crowds(server, options))
    print("passed")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as complaint:
        sys.exit(f"FAILED: {complaint}")
