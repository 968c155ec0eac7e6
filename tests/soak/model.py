"""A model small enough that requests take a millisecond: the Llama family, random weights, one token for each byte. model.py FILE writes it."""

import random
import struct
import sys

WIDTH, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT = 64, 2, 4, 2, 128, 2048
HEAD = WIDTH // HEADS
# Positions of a page of keys and values, and the bytes of both in all layers.
PAGE = 64
PAGE_BYTES = LAYERS * 2 * KV_HEADS * HEAD * PAGE * 2
# GPT-2 writes a byte that is no visible character as one that is.
VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = {byte: chr(byte) for byte in VISIBLE} | {byte: chr(0x100 + at) for at, byte in enumerate(sorted(set(range(256)) - set(VISIBLE)))}
TOKENS = [BYTES[byte] for byte in range(256)] + ["<|im_start|>", "<|im_end|>"]


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def number(name, value):
    return key(name, 4, struct.pack("<I", value))


def array(name, kind, values):
    return key(name, 9, struct.pack("<IQ", kind, len(values)) + b"".join(values))


def f32(row):
    return struct.pack(f"<{len(row)}f", *row)


def q8_0(row):
    """Blocks of 32: a scale, and whole numbers to be multiplied by it."""
    out = b""
    for block in (row[at : at + 32] for at in range(0, len(row), 32)):
        scale = struct.unpack("<e", struct.pack("<e", max(map(abs, block)) / 127))[0]
        out += struct.pack("<e32b", scale, *(max(-127, min(127, round(x / scale))) for x in block))
    return out


def tensors():
    """Name, shape (innermost first), type and bytes of each."""
    rng = random.Random(7)

    def matrix(name, rows, cols, spread=lambda row: 1.5):
        data = b"".join(q8_0([rng.gauss(0, spread(row) / cols**0.5) for _ in range(cols)]) for row in range(rows))
        return name, (cols, rows), 8, data

    def norm(name):
        return name, (WIDTH,), 0, f32([1 + rng.uniform(-0.3, 0.3) for _ in range(WIDTH)])

    yield matrix("token_embd.weight", len(TOKENS), WIDTH, lambda _: 8.0)
    # Mostly letters are said, now and then a part of a longer character, or the end.
    yield matrix("output.weight", len(TOKENS), WIDTH, lambda token: 3.0 if 0x20 <= token < 0x7F or token == 257 else 1.5)
    yield norm("output_norm.weight")
    for layer in (f"blk.{at}." for at in range(LAYERS)):
        yield norm(layer + "attn_norm.weight")
        yield norm(layer + "ffn_norm.weight")
        for name, rows in (("q", HEADS * HEAD), ("k", KV_HEADS * HEAD), ("v", KV_HEADS * HEAD), ("output", WIDTH)):
            yield matrix(f"{layer}attn_{name}.weight", rows, WIDTH)
        for name, rows, cols in (("gate", INNER, WIDTH), ("up", INNER, WIDTH), ("down", WIDTH, INNER)):
            yield matrix(f"{layer}ffn_{name}.weight", rows, cols)


def write(path):
    sizes = {
        "embedding_length": WIDTH, "block_count": LAYERS, "attention.head_count": HEADS, "attention.head_count_kv": KV_HEADS,
        "feed_forward_length": INNER, "context_length": CONTEXT,
    }
    keys = [key("general.architecture", 8, text("llama")), *(number(f"llama.{name}", size) for name, size in sizes.items())]
    keys += [key("llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5))]
    keys += [key(f"tokenizer.ggml.{name}", 8, text(value)) for name, value in (("model", "gpt2"), ("pre", "gpt-2"))]
    keys += [array("tokenizer.ggml.tokens", 8, [text(token) for token in TOKENS]), number("tokenizer.ggml.eos_token_id", 257)]
    kinds = [struct.pack("<i", 1 if token < 256 else 3) for token in range(len(TOKENS))]
    keys += [array("tokenizer.ggml.token_type", 5, kinds)]
    all_tensors = list(tensors())
    head, body = b"GGUF" + struct.pack("<IQQ", 3, len(all_tensors), len(keys)) + b"".join(keys), b""
    for name, shape, kind, data in all_tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(body))
        body += padded(data)
    with open(path, "wb") as file:
        file.write(padded(head) + body)


def padded(data):
    return data + bytes(-len(data) % 32)


if __name__ == "__main__":
    write(sys.argv[1])
