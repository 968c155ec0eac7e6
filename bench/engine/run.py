"""Our engine beside llama.cpp, the same GGUF files and prompts, two threads, through HTTP. Run through run.sh.

LLAMA_SERVER=PATH takes a llama-server built for this processor, which is faster than the package where that has no AVX-512. MODELS=NAME,… and
ONLY=WORKLOAD,… take a part; REPEATS=N is the number of interleaved pairs (median of ratios)."""

import json
import os
import statistics
import threading
import time

from servers import DATA, NATIVE, ROOT, limits, llama_cpp, ours, run_file

MODELS = {
    "smollm2-135m-instruct": ("S", [0, 2]),
    "qwen2.5-coder-0.5b-instruct": ("Q", [151643, 151645]),
    "qwen2.5-coder-1.5b-instruct": ("Q1.5", [151643, 151645]),
}
REPEATS = int(os.environ.get("REPEATS", "5"))
# The peer reads the context once for each question, which takes minutes: one pair.
ONCE = "16 questions, one context"
CONTEXT = 4096


class Prompts:
    """Stretches of text of a number of tokens, never the same twice, so that nothing is remembered."""

    def __init__(self, peer):
        text = "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*/*.md")))
        with peer.post("/tokenize", {"content": text}) as response:
            self.tokens, self.at = json.load(response)["tokens"], 0

    def take(self, count):
        self.at = (self.at + 37) % (len(self.tokens) - count)
        return self.tokens[self.at : self.at + count]


def reading(server, prompt, stops):
    """Tokens of a prompt read in a second."""
    return len(prompt) / server.complete(prompt, 1, logit_bias=stops)[1]


def writing(server, prompt, stops, count=96):
    """Tokens written in a second after the first."""
    first, end, _ = server.complete(prompt, count, logit_bias=stops)
    return (count - 1) / (end - first)


def chats(server, prompts, stops, count=48):
    """Tokens written in a second by many at once, their prompts' reading included."""
    threads = [threading.Thread(target=server.complete, args=(prompt, count), kwargs={"logit_bias": stops}) for prompt in prompts]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(prompts) * count / (time.perf_counter() - started)


def questions(server, context, endings, stops):
    """Seconds that many questions over one context take, all asked at once; its inverse, so that more is better."""
    return 1 / (len(endings) * 16) * chats(server, [context + ending for ending in endings], stops, 16)


def first_token(server, context, endings, stops):
    """The inverse of the seconds to the first token, from the second question over one context on."""
    times = [server.complete(context + ending, 100, logit_bias=stops)[0] for ending in endings]
    return 1 / statistics.median(times[1:])


FORM = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 60},
        "author": {"type": "object", "properties": {"first_name": {"type": "string", "maxLength": 20}, "last_name": {"type": "string", "maxLength": 20}},
                   "required": ["first_name", "last_name"], "additionalProperties": False},
        "published_year": {"type": "integer", "minimum": 1000, "maximum": 2100},
        "language": {"enum": ["Chinese", "English", "French", "Spanish"]},
        "main_characters": {"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 3, "maxItems": 3},
        "available_in_print": {"type": "boolean"},
    },
    "required": ["title", "author", "published_year", "language", "main_characters", "available_in_print"],
    "additionalProperties": False,
}


def typed(server, book):
    """Tokens of an answer in a JSON schema in a second, its short prompt's reading included."""
    form = {"type": "json_schema", "json_schema": {"name": "book", "strict": True, "schema": FORM}}
    seconds, tokens = server.chat(f"Describe the novel {book}.", 200, response_format=form)
    return tokens / seconds


def quoting(server, text):
    """Tokens in a second of an answer that says a text again; the prompt was read before."""
    asked = f"Repeat the following text exactly, word for word:\n\n{text}"
    server.chat(asked, 1)
    seconds, tokens = server.chat(asked, 160)
    return tokens / seconds


BOOKS = ["Don Quixote", "Moby Dick", "Dream of the Red Chamber", "Les Miserables", "Emma"]
TEXT = (ROOT / "examples/sample-kb/expense-policy.en.md").read_text()


def guessing(repeat):
    """Those that our server is asked with guesses on, as it is unless told otherwise."""
    yield "JSON schema", "tok/s", lambda s: typed(s, BOOKS[repeat % len(BOOKS)])
    yield "quoting answer", "tok/s", lambda s: quoting(s, TEXT[repeat * 40 : repeat * 40 + 700])


def workloads(prompts, stops):
    yield "decode, context 0", "tok/s", lambda: (lambda p: lambda s: writing(s, p, stops))(prompts.take(8))
    yield "decode, context 2048", "tok/s", lambda: (lambda p: lambda s: writing(s, p, stops, 48))(prompts.take(2048))
    for size in (128, 512, 2048):
        yield f"prompt {size}", "tok/s", lambda size=size: (lambda p: lambda s: reading(s, p, stops))(prompts.take(size))
    for many in (8, 16):
        yield f"{many} chats", "tok/s", lambda many=many: (lambda ps: lambda s: chats(s, ps, stops))([prompts.take(64) for _ in range(many)])
    yield ONCE, "1/s", lambda: (lambda c, e: lambda s: questions(s, c, e, stops))(
        prompts.take(2000), [prompts.take(12) for _ in range(16)]
    )
    yield "first token, second question", "1/s", lambda: (lambda c, e: lambda s: first_token(s, c, e, stops))(
        prompts.take(1500), [prompts.take(12) for _ in range(4)]
    )


def compare(name, stops):
    path = next((DATA / "models" / name).glob("*.gguf"))
    only = [part for part in os.environ.get("ONLY", "").split(",") if part]
    rows = []

    def keep(workload, unit, pairs):
        row = {"workload": workload, "unit": unit, "pairs": pairs, "ratio": statistics.median(a / b for a, b in pairs)}
        rows.append(row)
        a, b = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
        print(f"{MODELS[name][0]:5} {workload:30} {a:9.2f} {b:9.2f} {unit:6} {row['ratio']:6.2f}", flush=True)

    def pair(mine, peer, repeat, measure):
        got = {server.name: measure(server) for server in ([mine, peer] if repeat % 2 else [peer, mine])}
        return got["sumeru"], got["llama.cpp"]

    with ours(name, 16, "--no-guessing") as mine, llama_cpp(path, 16, CONTEXT) as peer:
        prompts = Prompts(peer)
        stops = {str(stop): -100 for stop in stops}
        for workload, unit, make in workloads(prompts, stops):
            if only and not any(part in workload for part in only):
                continue
            repeats = range(1 if workload == ONCE else REPEATS)
            keep(workload, unit, [pair(mine, peer, repeat, make()) for repeat in repeats])
        memory = {server.name: server.memory() for server in (mine, peer)}
        load = {server.name: server.load for server in (mine, peer)}
        print(f"{MODELS[name][0]:5} peak RSS, MB                   {memory['sumeru']:9.0f} {memory['llama.cpp']:9.0f}")
        print(f"{MODELS[name][0]:5} load, s                        {load['sumeru']:9.2f} {load['llama.cpp']:9.2f}")
    with ours(name, 16) as mine, llama_cpp(path, 16, CONTEXT) as peer:
        for at, (workload, unit, _) in enumerate(guessing(0)):
            if not only or any(part in workload for part in only):
                pairs = [pair(mine, peer, repeat, list(guessing(repeat))[at][2]) for repeat in range(REPEATS)]
                keep(workload, unit, pairs)
    shares = limits(name)
    for report in shares:
        for row in report["rows"]:
            if (share := row["of_bandwidth"] or row["of_peak"]) is not None:
                what = f"{row['workload']} {row['tokens']}, {report['threads']} threads"
                limit = "of bandwidth" if row["of_bandwidth"] else "of integer peak"
                print(f"{MODELS[name][0]:5} {what:30} {row['tokens_per_second']:9.2f} {share:9.0%} {limit}", flush=True)
    peer = "llama-server, native build" if NATIVE else "xllamacpp"
    return {"model": name, "peer": peer, "rows": rows, "peak_rss_mb": memory, "load_seconds": load, "limits": shares}


def main():
    names = [name for name in os.environ.get("MODELS", ",".join(MODELS)).split(",") if name]
    print(f"{'':36} {'sumeru':>9} {'llama.cpp':>9} {'':6} {'ratio':>6}")
    out = run_file("engine")
    runs = []
    for name in names:
        runs.append(compare(name, MODELS[name][1]))
        # After each model: the peer takes its time, and a run that is stopped has been made all the same.
        if os.environ.get("KEEP_RUN", "1") == "1":
            out.write_text(json.dumps(runs, indent=1) + "\n")
            print(f"written to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
