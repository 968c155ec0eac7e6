"""The race beside the exhaustive grid on five sets of data, then rows a second beside promptfoo. Run through run.sh."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/engine"))

import sets  # noqa: E402
import speed  # noqa: E402
from servers import DATA, SUMERU, llama_cpp, run_file  # noqa: E402

PARTS = os.environ.get("PARTS", "choose,speed").split(",")
SETS = os.environ.get("SETS", ",".join(sets.NAMES)).split(",")
MODELS = os.environ.get("MODELS", "smollm2-135m-instruct,qwen2.5-coder-0.5b-instruct,qwen2.5-coder-1.5b-instruct,multilingual-e5-small,far").split(",")
# Those that are tried where nobody says which.
ROUTES = os.environ.get("ROUTES")
# What `far` is: served by the peer, it stands in for a provider.
REMOTE = "qwen2.5-coder-0.5b-instruct"
SEED = 0


def choose(folder, task, rows, *more):
    command = [SUMERU, "choose", task, "--data", rows, "--workspace", folder, "--models", ",".join(MODELS), "--seed", str(SEED), "--json"]
    if ROUTES:
        command += ["--routes", ROUTES]
    started = time.perf_counter()
    done = subprocess.run([*command, *more], capture_output=True, text=True, env={**os.environ, "SUMERU_DATA": str(DATA)})
    if not done.stdout:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)["decision"], time.perf_counter() - started


def summary(decision, seconds):
    def line(entrant):
        one = {"candidate": entrant["candidate"], "withdrawn": entrant["withdrawn"]}
        if result := entrant["result"]:
            one |= {key: result[key] for key in ("quality", "latency_p50_ms", "latency_p95_ms", "cost_per_1000", "failed", "macro_f1")}
        elif race := entrant["race"]:
            one |= {"race": race}
        return one

    # Where the rows were is this machine's business.
    decision["data"]["file"] = Path(decision["data"]["file"]).name
    keys = ("chosen", "why", "not_ruled_out", "examples_to_settle", "asked", "grid", "data", "seed")
    return {**{key: decision[key] for key in keys}, "seconds": seconds, "candidates": [line(one) for one in decision["candidates"]]}


def verdict(grid, races):
    """Whether the races chose the grid's winner, or one inside its interval, alike and within the spend."""
    quality = {one["candidate"]: one["quality"] for one in grid["candidates"] if "quality" in one}
    # The best of the grid by quality alone; what is chosen among equals also looks at what they take.
    best = max(quality, key=lambda name: quality[name]["value"])
    chosen = races[0]["chosen"]
    return {
        "grid_best": best,
        "grid_best_quality": quality[best],
        "race_chose": chosen,
        "its_quality_in_the_grid": quality.get(chosen),
        "inside_the_interval": chosen in quality and quality[chosen]["value"] >= quality[best]["low"],
        "same_decision_twice": len({race["chosen"] for race in races}) == 1,
        "share_asked": races[0]["asked"] / races[0]["grid"],
        "seconds": {"grid": grid["seconds"], "race": races[0]["seconds"]},
    }


def remote_card(folder, address):
    card = f'[[models]]\nname = "far"\nbase_url = "{address}/v1"\nmodel = "peer"\nvendor = "stand-in"\njurisdiction = "cn"\nregistered = true\nretention_days = 0\ncontext = 2048\nconcurrency = 1\nprice = {{ input = 2, output = 8, currency = "CNY" }}\n'
    (folder / "models.toml").write_text(card)


def measure_set(name):
    folder = ROOT / f".cache/choose/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    rows = sets.prepare(name, folder)
    path = next((DATA / f"models/{REMOTE}").glob("*.gguf"))
    # One at a time: in a batch its answers are not always the same, and a decision that rests on them is not either.
    with llama_cpp(path, 1, 2048) if "far" in MODELS else contextlib.nullcontext() as server:
        if server:
            remote_card(folder, server.address)
        races = [summary(*choose(folder, name, rows)) for _ in range(2)]
        print(name, "race:", races[0]["chosen"], f"{races[0]['seconds']:.0f} s", flush=True)
        grid = summary(*choose(folder, name, rows, "--grid"))
    found = verdict(grid, races)
    print(name, json.dumps(found, ensure_ascii=False), flush=True)
    return {"verdict": found, "grid": grid, "races": races}


def main():
    run = {"load_before": os.getloadavg(), "models": MODELS, "remote": REMOTE, "routes": ROUTES or "those that fit", "each": sets.EACH, "seed": SEED}
    out = run_file("choose")
    if "choose" in PARTS:
        run["sets"] = {}
        for name in SETS:
            run["sets"][name] = measure_set(name)
            # What is known is kept, whatever comes of the rest.
            out.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n")
    if "speed" in PARTS:
        run["speed"] = speed.measure(int(os.environ.get("REPEATS", "3")))
        with contextlib.suppress(statistics.StatisticsError):
            of = lambda key, inner: statistics.median(one[key][inner] for one in run["speed"]["rounds"])  # noqa: E731
            ours = of("sumeru_run", "wall_seconds")
            run["speed"]["medians"] = {
                "sumeru_run_wall_seconds": ours,
                "times_promptfoo_with_sumeru_serve": of("promptfoo_with_sumeru_serve", "seconds") / ours,
                "times_promptfoo_with_llama_server": of("promptfoo_with_llama_server", "seconds") / ours,
                "added_to_the_models_time": of("one_at_a_time", "added"),
            }
            print(json.dumps(run["speed"]["medians"]))
    out.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main()
