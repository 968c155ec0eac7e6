"""Hundreds of thousands of short requests of all kinds against one server: each is answered as it should be, and memory stays flat. Through run.sh soak."""

import argparse
import asyncio
import datetime
import json
import random
import re
import statistics
import sys
import time
from collections import Counter

import client
import model
from asks import KINDS, Ask, Crowd, alone, words
from client import TINY, Connection, Failed, Watch, harness, serving

# Clients at once, for so many requests each: guesses are made only where few are at work, and more than 80 are refused some.
WAVES, WAVE = (32, 64, 48, 3, 64, 96), 500
SLOTS, QUEUE, CACHE_MB = 16, 64, 24
KNOWN, SAMPLES = 90, 200


class Soak:
    def __init__(self, server, requests, seed):
        self.server, self.requests, self.rng = server, requests, random.Random(seed)
        self.watch, self.crowd, self.kinds = Watch(server, TINY), Crowd(server, self.rng), Counter()
        self.sent, self.samples = 0, []

    def known_asks(self):
        """At temperature 0, and some drawn with a seed, which is as good."""
        for at in range(KNOWN):
            yield Ask(TINY, KINDS[at % len(KINDS)], self.rng, **({"temperature": 0} if at % 4 else {"temperature": 1, "seed": at}))

    async def client(self, number):
        connection = Connection(self.server)
        while self.sent < self.requests:
            if number >= WAVES[self.sent // WAVE % len(WAVES)]:
                connection.close()
                await asyncio.sleep(0.02)
                continue
            self.sent += 1
            ask = self.rng.choice(self.known) if self.rng.random() < 0.4 else Ask(TINY, self.rng.choice(KINDS), self.rng)
            self.kinds[ask.kind] += 1
            await self.crowd.ask(connection, ask, self.rng.uniform(0.01, 1.2) if self.rng.random() < 0.14 else None)
        connection.close()

    def done(self):
        return self.crowd.counts["answered"] + self.crowd.counts["left"]

    async def sample(self, started):
        """Looks at the server after each part of the requests."""
        for part in range(1, SAMPLES + 1):
            while self.done() < self.requests * part // SAMPLES:
                await asyncio.sleep(0.01)
            seconds = time.monotonic() - started
            self.samples.append({"seconds": round(seconds, 2), "requests": self.done(), **await self.watch.look()})
            if part % (SAMPLES // 20) == 0:
                now, rate = self.samples[-1], self.done() / seconds
                print(
                    f"{now['requests']:8} of {self.requests} {rate:7.0f}/s  {seconds:6.0f} s, {(self.requests - self.done()) / rate:5.0f} s to go"
                    f"  {now['rss_mb']:7.1f} MB  cache {now['cache_mb']:5.1f} MB  pending {now['pending']:3}  threads {now['threads']:3}", flush=True
                )

    async def fill(self):
        """Fills what is remembered, with as many at once as ever are, so that memory has its size from the start."""
        while (engine := await self.watch.engine())["cache_used"] < 0.95 * engine["cache_most"]:
            await Crowd(self.server, self.rng).all_at_once([Ask(TINY, self.rng.choice(KINDS), self.rng) for _ in range(max(WAVES))])

    async def full_house(self):
        """As many as there is room for are all let in: no place was lost."""
        crowd = Crowd(self.server, self.rng)
        await crowd.all_at_once([Ask(TINY, "plain", self.rng) for _ in range(SLOTS + QUEUE)])
        if crowd.counts["refused"]:
            raise Failed(f"{crowd.counts['refused']} of {SLOTS + QUEUE} were refused by a server at rest: places are lost")

    async def whole_cache(self):
        """Prompts that fill nearly all pages are remembered to the last: no page is held by a request that is gone."""
        pages = (await self.watch.engine())["cache_most"] // model.PAGE_BYTES
        prompts, connection = [words(self.rng, 15 * model.PAGE + 30) for _ in range(int(0.95 * pages) // 16)], Connection(self.server)
        for again in (False, True):
            for prompt in prompts:
                body = json.dumps({"model": TINY, "prompt": prompt, "max_tokens": 1})
                status, answer = await connection.ask("POST", "/v1/completions", body.encode())
                if status != 200 or again and json.loads(answer)["usage"]["prompt_tokens_details"]["cached_tokens"] < 15 * model.PAGE:
                    raise Failed(f"of {pages} pages not even 95 % remember what was read last: {answer.decode()}")
        connection.close()

    async def run(self):
        self.known = list(self.known_asks())
        await alone(self.server, self.known)
        await self.fill()
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sample(started))
            for number in range(max(WAVES)):
                tasks.create_task(self.client(number))
        self.seconds = time.monotonic() - started
        await self.watch.comes_to_rest()
        await self.full_house()
        await self.whole_cache()
        self.end, self.metrics = await self.watch.comes_to_rest(), await self.watch.metrics()

    def table(self):
        """What is shown and kept."""
        tenth = SAMPLES // 10
        early, late = (statistics.median(s["rss_mb"] for s in part) for part in (self.samples[tenth : 2 * tenth], self.samples[-tenth:]))
        most = lambda name: max(sample[name] for sample in self.samples)
        count = lambda name: int(self.metrics[f"sumeru_{name}_tokens_total"])
        statuses = Counter()
        for name, value in self.metrics.items():
            if found := re.match(r'sumeru_http_requests_total\{method="POST".*status="(\d+)"', name):
                statuses[found[1]] += int(value)
        return {
            "requests": self.done(), "seconds": round(self.seconds, 1), "requests_per_second": round(self.done() / self.seconds, 1),
            **self.crowd.counts, "kinds": dict(sorted(self.kinds.items())),
            "rss_mb_second_tenth": early, "rss_mb_last_tenth": late, "rss_mb_most": most("rss_mb"),
            "cache_mb_most": most("cache_mb"), "threads_most": most("threads"), "files_most": most("files"), "at_the_end": self.end,
            "statuses": dict(sorted(statuses.items())), "tokens": {name: count(name) for name in ("prompt", "cached", "completion", "guessed", "accepted")},
        }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=200_000, metavar="N")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--record", action="store_true", help="keep the raw run under bench/runs")
    arguments = arguments.parse_args()
    with serving(TINY, CACHE_MB, "--slots", str(SLOTS)) as server:
        soak = Soak(server, arguments.requests, arguments.seed)
        client.run(soak.run())
    table = soak.table()
    print()
    for name, value in table.items():
        print(f"{name:22} {value}")
    if arguments.record:
        columns = list(soak.samples[0])
        rows = [json.dumps([sample[name] for name in columns]) for sample in soak.samples]
        out = harness.ROOT / "bench/runs" / f"{datetime.date.today()}-soak.json"
        head = json.dumps({**table, "seed": arguments.seed, "columns": columns}, indent=1)[:-2]
        out.write_text(head + ',\n "samples": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n")
        print(f"written to {out.relative_to(harness.ROOT)}")
    early, late = table["rss_mb_second_tenth"], table["rss_mb_last_tenth"]
    complaints = [
        *([f"memory grew from {early:.1f} to {late:.1f} MB"] if late > early + max(8, 0.05 * early) else []),
        *(["no guess came true, so none was tested"] if not table["tokens"]["accepted"] else []),
    ]
    print("FAILED: " + "; ".join(complaints) if complaints else "passed")
    return 1 if complaints else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as complaint:
        sys.exit(f"FAILED: {complaint}")
