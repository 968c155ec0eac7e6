"""Rows a second through `sumeru run`, beside promptfoo on the same model and prompt; and what `sumeru run` adds to the model's own time."""

import http.client
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import sets
from servers import DATA, ROOT, SUMERU, llama_cpp, ours

MODEL = os.environ.get("MODEL", "qwen2.5-coder-0.5b-instruct")
PROMPTFOO = "promptfoo@0.121.20"
ROWS, TOKENS, AT_ONCE = 200, 16, 16
QUESTION = "用一句话说出这条评价最在意的是什么。\n\n评价：{{ text }}"
TASK = f"""description = "评价最在意什么"
instructions = {json.dumps(QUESTION, ensure_ascii=False)}

[input]
text = "评价"
"""


def run(folder, rows, at_once, out):
    """`sumeru run`: its own report, and the wall's seconds with the model's loading."""
    command = [SUMERU, "run", "gist", rows, "--workspace", folder, "--data", DATA, "--model", MODEL, "--max-tokens", str(TOKENS)]
    started = time.perf_counter()
    done = subprocess.run([*command, "--concurrency", str(at_once), "--out", out, "--json", "-q"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout), time.perf_counter() - started


def promptfoo(folder, rows, address, model):
    """promptfoo over the same rows: its evaluation's seconds, without its own start where it tells them."""
    provider = {"id": f"openai:chat:{model}", "config": {"apiBaseUrl": f"{address}/v1", "apiKey": "none", "temperature": 0, "max_tokens": TOKENS}}
    config = {"prompts": [QUESTION], "providers": [provider], "tests": [{"vars": row["input"]} for row in rows]}
    path, out = folder / "promptfooconfig.json", folder / "promptfoo.json"
    path.write_text(json.dumps(config, ensure_ascii=False))
    home = folder / "promptfoo-home"
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_CONFIG_DIR": str(home)}
    command = [ROOT / "scripts/with-node", "npx", "--yes", PROMPTFOO, "eval", "-c", path, "-o", out, "--no-cache", "--no-table", "--no-progress-bar", "-j", str(AT_ONCE)]
    # The first use installs it; `--version` does no more than that.
    subprocess.run([*command[:4], "--version"], check=True, capture_output=True, env={**os.environ, **quiet})
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **quiet})
    seconds = time.perf_counter() - started
    results = json.loads(out.read_text())["results"]
    answered = sum(1 for one in results["results"] if (one.get("response") or {}).get("output"))
    told = re.search(r"Duration:\s*(?:(\d+)m )?(\d+)s", done.stdout)
    alone = int(told[1] or 0) * 60 + int(told[2]) if told else None
    return {"seconds": seconds, "evaluation_seconds": alone, "answered": answered}


def own_time(rows):
    """Seconds that the model itself takes for the same rows, one after the other: through a server on one connection, less what a request costs that asks for nothing."""
    total = 0.0
    with ours(MODEL, 1) as server:
        line = http.client.HTTPConnection(server.address.removeprefix("http://"))

        def timed(method, path, body=None):
            started = time.perf_counter()
            line.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
            line.getresponse().read()
            return time.perf_counter() - started

        idle = statistics.median(timed("GET", "/healthz") for _ in range(50))
        for row in rows:
            content = QUESTION.replace("{{ text }}", row["input"]["text"])
            body = {"model": MODEL, "messages": [{"role": "user", "content": content}], "max_tokens": TOKENS, "temperature": 0}
            total += timed("POST", "/v1/chat/completions", body) - idle
    return total


def measure(repeats):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        path = sets.prepare("zh-reviews", folder)
        (folder / "tasks/gist.toml").write_text(TASK)
        rows = [json.loads(line) for line in path.read_text().splitlines()][:ROWS]
        table = folder / "gist.jsonl"
        table.write_text("".join(json.dumps(row["input"], ensure_ascii=False) + "\n" for row in rows))
        rounds = []
        for number in range(repeats):
            report, wall = run(folder, table, AT_ONCE, folder / f"out-{number}.jsonl")
            with ours(MODEL, AT_ONCE) as server:
                through_ours = promptfoo(folder, rows, server.address, MODEL)
            with llama_cpp(DATA / f"models/{MODEL}/{gguf(MODEL)}", AT_ONCE, 2048) as server:
                through_llama = promptfoo(folder, rows, server.address, "peer")
            alone, _ = run(folder, table, 1, folder / f"alone-{number}.jsonl")
            own = own_time(rows)
            rounds.append({
                "rows": len(rows), "sumeru_run": {"seconds": report["seconds"], "wall_seconds": wall, "answered": report["answered"]},
                "promptfoo_with_sumeru_serve": through_ours, "promptfoo_with_llama_server": through_llama,
                "one_at_a_time": {"run_seconds": alone["seconds"], "model_seconds": own, "added": alone["seconds"] / own - 1},
            })
            print(json.dumps(rounds[-1]), flush=True)
        return {"model": MODEL, "promptfoo": PROMPTFOO, "at_once": AT_ONCE, "tokens": TOKENS, "rounds": rounds}


def gguf(model):
    return next(path.name for path in (DATA / f"models/{model}").iterdir() if path.suffix == ".gguf")
