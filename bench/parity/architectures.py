"""Random-weight models of each architecture beside their Python references: logits after every token, and gradients.

Models are made here in the layout of Hugging Face (transformers; for RWKV, whose reference is the package rwkv, by hand), turned into GGUF by
llama.cpp's converter, and read by our engine. Kept under .cache/parity/architectures; remove that folder to make them again.

    bench/parity/architectures.sh [NAME...]

Beside them a Mamba-1 network that somebody trained (the package typeseg, which tells languages apart in both directions of a text): its own
code with our scan in place of its own.

Tolerance: the largest difference of a log-probability, of all tokens after every token, is below EXACT with weights and activations as they
are, and the mean below ROUNDED with both in 8 bits, as the engine serves them. The folder turned into GGUF by us instead holds the same
tensors, number for number, but for decays of state-space models, exponentials whose last bit may differ. Models with attention keep keys and
values in half precision, which alone is up to KEYS. Gradients: lengths of every tensor's within GRADIENT of
torch's, relative.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache/parity/architectures"
CONVERTER = ROOT / ".cache/parity/llama.cpp"
ENGINE = os.environ.get("SUMERU_JUDGE", "cargo run -q --release -p engine --example parity --").split()
LENGTHS = [1, 7, 64, 65, 200]
EXACT, KEYS, ROUNDED, GRADIENT = 2e-3, 1e-2, 5e-2, 1e-2
ATTENTION = ("phi3", "glm4", "llama", "qwen2", "qwen3")
LAYERS, WIDTH, HEADS, INNER = 3, 128, 2, 256


def tokenizer(folder, specials=("<|endoftext|>", "<|user|>")):
    """A byte-level BPE of our own documentation: the converter wants one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=1024, special_tokens=list(specials), initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    made.train([str(path) for path in sorted((ROOT / "docs").glob("*/*.md"))], trainer)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": specials[0]}))


def shaken(model):
    """Every weight away from the values it is made with: ones and zeros would hide what is read wrongly."""
    generator = torch.Generator().manual_seed(7)
    for name, weight in model.named_parameters():
        noise = torch.rand(weight.shape, generator=generator) * 2 - 1
        with torch.no_grad():
            if weight.dim() == 2 and "conv" not in name and not name.endswith("A_log"):
                weight.copy_(noise * 1.7 / weight.shape[-1] ** 0.5)
            else:
                weight.add_(noise * 0.3)
    return model.eval()


def of_transformers(kind, **sizes):
    """A model of transformers by the name of its classes."""

    def make(folder):
        import transformers

        config = getattr(transformers, f"{kind}Config")(
            vocab_size=1024, hidden_size=WIDTH, num_hidden_layers=LAYERS, bos_token_id=0, eos_token_id=0, pad_token_id=0, **sizes
        )
        torch.manual_seed(7)
        model = shaken(getattr(transformers, f"{kind}ForCausalLM")(config).float())
        model.save_pretrained(folder)
        tokenizer(folder)

        def logits(ids):
            return model(torch.tensor([ids])).logits[0]

        return logits, dict(model.named_parameters())

    return make


class Numbers:
    """Named random weights of a model that is written by hand."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(7)

    def __call__(self, *shape, around=0.0, spread=None):
        spread = 1.7 / shape[-1] ** 0.5 if spread is None else spread
        return around + spread * (torch.rand(shape, generator=self.generator) * 2 - 1)

    def norm(self, name, width):
        return {f"{name}.weight": self(width, around=1, spread=0.3), f"{name}.bias": self(width, spread=0.3)}


def rwkv(version):
    def make(folder):
        random = Numbers()
        vocabulary, head = 65536, WIDTH // HEADS
        weights = {"emb.weight": random(vocabulary, WIDTH, spread=1), "head.weight": random(vocabulary, WIDTH)}
        weights |= random.norm("blocks.0.ln0", WIDTH) | random.norm("ln_out", WIDTH)
        for at in range(LAYERS):
            layer = random.norm("ln1", WIDTH) | random.norm("ln2", WIDTH) | random.norm("att.ln_x", WIDTH)
            square = ["receptance", "key", "value", "output"] + (["gate"] if version == 6 else [])
            layer |= {f"att.{name}.weight": random(WIDTH, WIDTH) for name in square}
            layer |= {"ffn.key.weight": random(INNER, WIDTH), "ffn.value.weight": random(WIDTH, INNER)}
            mix = lambda: random(1, 1, WIDTH, around=0.5, spread=0.5)
            if version == 6:
                layer |= {f"att.time_maa_{name}": mix() for name in "xwkvrg"} | {f"ffn.time_maa_{name}": mix() for name in "kr"}
                layer |= {"att.time_maa_w1": random(WIDTH, 160, spread=0.1), "att.time_maa_w2": random(5, 32, WIDTH, spread=0.1)}
                layer |= {"att.time_decay": random(1, 1, WIDTH, around=-2, spread=2)}
                layer |= {"att.time_decay_w1": random(WIDTH, 64, spread=0.1), "att.time_decay_w2": random(64, WIDTH, spread=0.1)}
                layer |= {"att.time_faaaa": random(HEADS, head, spread=0.5), "ffn.receptance.weight": random(WIDTH, WIDTH)}
            else:
                layer |= {f"att.x_{name}": mix() for name in "rwkvag"} | {"ffn.x_k": mix()}
                for name in "wavg":
                    layer |= {f"att.{name}1": random(WIDTH, 32, spread=0.1), f"att.{name}2": random(32, WIDTH, spread=0.1)}
                layer |= {f"att.{name}0": random(1, 1, WIDTH) for name in "wav"}
                layer |= {f"att.k_{name}": random(1, 1, WIDTH, around=1, spread=0.3) for name in "ka"} | {"att.r_k": random(HEADS, head, spread=0.3)}
            weights |= {f"blocks.{at}.{name}": weight for name, weight in layer.items()}
        torch.save(weights, folder / "reference.pth")
        write_rwkv(folder, version, weights)
        return reference_rwkv(folder, version), {}

    return make


def write_rwkv(folder, version, weights):
    """The same weights under the names of Hugging Face's RWKV repositories, which the converter reads."""
    from safetensors.torch import save_file

    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "intermediate_size": INNER, "vocab_size": 65536}
    if version == 6:
        names = [("blocks.", "rwkv.blocks."), (".att.", ".attention."), (".ffn.", ".feed_forward."), (".ln0.", ".pre_ln."),
                 ("emb.", "rwkv.embeddings."), ("ln_out.", "rwkv.ln_out.")]
        sizes |= {"architectures": ["Rwkv6ForCausalLM"], "head_size": WIDTH // HEADS, "layer_norm_epsilon": 1e-5, "rescale_every": 2}
    else:
        names = [("blocks.", "model.layers."), (".att.", ".attn."), (".ln0.", ".pre_norm."), (".ln1.", ".attn_norm."), (".ln2.", ".ffn_norm."),
                 (".ln_x.", ".g_norm."), ("emb.", "model.embeddings."), ("ln_out.", "model.norm."), ("head.", "lm_head.")]
        names += [(f".attn.{long}.", f".attn.{long[0]}_proj.") for long in ("receptance", "key", "value", "output")]
        ranks = {f"{name}_low_rank_dim": 32 for name in ("decay", "a", "v", "gate")}
        sizes |= {"architectures": ["RWKV7ForCausalLM"], "head_dim": WIDTH // HEADS, "norm_eps": 1e-5} | ranks
    renamed = {}
    for name, weight in weights.items():
        for old, new in names:
            name = name.replace(old, new, 1) if name.startswith(old) or old.startswith(".") else name
        part = name.rsplit(".", 1)[-1]
        if version == 7 and len(part) == 2 and part[0] in "wavg" and part[1] in "012":
            # Low ranks are linear maps there, so they lie the other way round.
            name = f"{name[:-2]}{part[0]}_lora.lora." + {"0": "2.bias", "1": "0.weight", "2": "2.weight"}[part[1]]
            weight = weight.squeeze() if part[1] == "0" else weight.t()
        renamed[name] = weight.contiguous()
    save_file(renamed, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(sizes | {"model_type": f"rwkv{version}"}))
    import rwkv

    shutil.copy(Path(rwkv.__path__[0]) / "rwkv_vocab_v20230424.txt", folder)


def reference_rwkv(folder, version):
    os.environ["RWKV_V7_ON"] = "1" if version == 7 else "0"
    os.environ["RWKV_JIT_ON"] = "0"
    # Which of the two it is, it decides when it is imported.
    sys.modules.pop("rwkv.model", None)
    from rwkv.model import RWKV

    path = str(folder / "reference.pth")
    model = RWKV(model=path.removesuffix(".pth") if version == 7 else path, strategy="cpu fp32")

    def logits(ids):
        out, _ = model.forward(list(ids), None, full_output=True)
        return out.reshape(len(ids), -1)

    return logits


FAMILIES = {
    "mamba": of_transformers("Mamba", state_size=16, time_step_rank=8, intermediate_size=2 * WIDTH),
    "mamba2": of_transformers("Mamba2", state_size=32, num_heads=8, head_dim=32, n_groups=2, expand=2, chunk_size=16),
    "falcon_mamba": of_transformers("FalconMamba", state_size=16, time_step_rank=8, intermediate_size=2 * WIDTH),
    "rwkv6": rwkv(6),
    "rwkv7": rwkv(7),
    "phi3": of_transformers("Phi3", intermediate_size=INNER, num_attention_heads=4, num_key_value_heads=2, sliding_window=48, max_position_embeddings=512),
    "glm4": of_transformers("Glm4", intermediate_size=INNER, num_attention_heads=4, num_key_value_heads=2, head_dim=32, attention_bias=True),
    "llama": of_transformers("Llama", intermediate_size=INNER, num_attention_heads=4, num_key_value_heads=2),
    "qwen2": of_transformers("Qwen2", intermediate_size=INNER, num_attention_heads=4, num_key_value_heads=2),
    "qwen3": of_transformers("Qwen3", intermediate_size=INNER, num_attention_heads=4, num_key_value_heads=2, head_dim=32),
}

# Run in a process of its own: the converter asks a list of known tokenizers for ours, which is none of them.
CONVERT = """
import runpy, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/gguf-py"]
from conversion import base
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv[:] = ["convert_hf_to_gguf.py", *sys.argv[2:]]
runpy.run_path(sys.path[0] + "/convert_hf_to_gguf.py", run_name="__main__")
"""


def make(name):
    """The model and its reference's logits, if they are not there yet."""
    folder = CACHE / name
    if (folder / "reference.f32").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "hf").mkdir(parents=True)
    logits, parameters = FAMILIES[name](folder / "hf")
    for kind in ("f32", "q8_0"):
        command = [sys.executable, "-c", CONVERT, str(CONVERTER), str(folder / "hf"), "--outtype", kind, "--outfile", str(folder / f"{kind}.gguf")]
        subprocess.run(command, check=True, capture_output=not os.environ.get("VERBOSE"))
    random = np.random.default_rng(7)
    prompts = [random.integers(2, 1024, length).tolist() for length in LENGTHS]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    with torch.no_grad():
        reference = [logits(prompt).float().numpy() for prompt in prompts]
    losses = []
    for prompt in prompts[1:] if parameters else []:
        for parameter in parameters.values():
            parameter.grad = None
        loss = torch.nn.functional.cross_entropy(logits(prompt[:-1]), torch.tensor(prompt[1:]))
        loss.backward()
        lengths = {weight: parameter.grad.norm().item() for weight, parameter in parameters.items() if parameter.grad is not None}
        losses.append({"loss": loss.item(), "gradients": lengths})
    (folder / "losses.json").write_text(json.dumps(losses))
    np.concatenate(reference).tofile(folder / "reference.f32")
    return folder


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def compare(name):
    folder = make(name)
    rows = sum(LENGTHS)
    reference = np.fromfile(folder / "reference.f32", dtype=np.float32).reshape(rows, -1)
    row = {"family": name, "logits": [rows, reference.shape[1]]}
    for how, kind in (("exact", "f32"), ("rounded", "q8_0")):
        out = folder / f"{how}.f32"
        subprocess.run([*ENGINE, "logits", str(folder / f"{kind}.gguf"), str(folder / "prompts.json"), str(out), how], check=True)
        ours = np.fromfile(out, dtype=np.float32).reshape(rows, -1)[:, : reference.shape[1]]
        gap = np.abs(log_softmax(ours) - log_softmax(reference[:, : ours.shape[1]]))
        row[how] = {"largest": float(gap.max()), "mean": float(gap.mean()), "same_first": float((ours.argmax(1) == reference.argmax(1)).mean())}
        out.unlink()
    row["folder"] = converted(folder)
    row["ok"] = row["exact"]["largest"] < (KEYS if name in ATTENTION else EXACT) and row["rounded"]["mean"] < ROUNDED
    row["ok"] = row["ok"] and row["folder"]["other"] == []
    if name == "rwkv7":
        row["ids"] = world_ids(folder)
        row["ok"] = row["ok"] and len(set(row["ids"])) == 1
    losses = json.loads((folder / "losses.json").read_text())
    if losses:
        ours = json.loads(subprocess.run([*ENGINE, "gradients", str(folder / "f32.gguf"), str(folder / "prompts.json")], check=True, capture_output=True).stdout)
        row["loss"] = max(abs(a["loss"] - b["loss"]) for a, b in zip(ours, losses))
        row["gradient"], row["gradient_of"] = gradients(folder, ours, losses)
        row["ok"] = row["ok"] and row["loss"] < EXACT and row["gradient"] < GRADIENT
    print(f"{name:13} exact {row['exact']['largest']:.1e}  rounded mean {row['rounded']['mean']:.1e}, same first {row['rounded']['same_first']:.3f}"
          f"  gradient {row.get('gradient', float('nan')):.1e}"
          f"  folder {row['folder']['same']}/{row['folder']['tensors']} {'ok' if row['ok'] else 'FAILED'}", flush=True)
    return row


def converted(folder):
    """Our own conversion beside llama.cpp's: tensors that are the same bytes, and those that are not even nearly."""
    sys.path[:0] = [str(CONVERTER / "gguf-py")]
    import gguf

    row = {"tensors": 0, "same": 0, "other": []}
    for kind in ("f32", "q8_0"):
        own = folder / "own"
        subprocess.run([*ENGINE, "folder", str(folder / "hf"), str(own), kind], check=True)
        theirs, ours = ({tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors} for path in (folder / f"{kind}.gguf", own / "model.gguf"))
        for name in theirs.keys() | ours.keys():
            a, b = theirs.get(name), ours.get(name)
            fits = a and b and (a.tensor_type, list(a.shape)) == (b.tensor_type, list(b.shape))
            same = bool(fits and np.array_equal(a.data.view(np.uint8), b.data.view(np.uint8)))
            nearly = fits and name.endswith("ssm_a") and np.allclose(a.data, b.data, rtol=2e-7, atol=0)
            row["tensors"], row["same"] = row["tensors"] + 1, row["same"] + same
            row["other"] += [] if same or nearly else [f"{kind} {name}"]
        shutil.rmtree(own)
    return row


def world_ids(folder):
    """Lines of the corpus whose token ids are those of RWKV's own tokenizer, and how many there are."""
    import rwkv
    from corpus import corpus
    from rwkv.rwkv_tokenizer import TRIE_TOKENIZER

    theirs = TRIE_TOKENIZER(str(Path(rwkv.__path__[0]) / "rwkv_vocab_v20230424.txt"))
    lines = list(corpus())
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ours = subprocess.run([*ENGINE, "tokens", str(folder / "q8_0.gguf"), str(folder / "lines.jsonl")], check=True, capture_output=True, text=True)
    return [sum(json.loads(ids) == theirs.encode(line) for ids, line in zip(ours.stdout.splitlines(), lines)), len(lines)]


def gradients(folder, ours, theirs):
    """The largest relative difference of a tensor's gradient's length, over tensors that the converter stores as they are."""
    sys.path[:0] = [str(CONVERTER / "gguf-py")]
    import gguf

    architecture = json.loads((folder / "hf/config.json").read_text())["model_type"].replace("falcon_", "")
    names = gguf.TensorNameMap(next(arch for arch, text in gguf.MODEL_ARCH_NAMES.items() if text == architecture), LAYERS)
    worst = (0.0, "")
    for a, b in zip(ours, theirs):
        for weight, length in b["gradients"].items():
            name = names.get_name(weight, try_suffixes=(".weight", ".bias"))
            if name in a["gradients"] and not weight.endswith("A_log") and length > 1e-4:
                worst = max(worst, (abs(a["gradients"][name] - length) / length, weight))
    return worst


def trained_scan(texts=("def f(x):\n    return x + 1\n", "SELECT name FROM users;\n<p>你好</p>\n" * 20)):
    """typeseg's logits with our scan beside its own."""
    from typeseg import _mamba_kernel as network

    weights = {name.replace("__", "/"): data for name, data in np.load(Path(network.__file__).parent / "data/mamba_al.npz").items()}
    folder = CACHE / "typeseg"
    folder.mkdir(parents=True, exist_ok=True)

    def ours(_, x, delta, put, take, decay, by):
        np.concatenate([np.ascontiguousarray(part, np.float32).ravel() for part in (x, delta, put, take, decay, by)]).tofile(folder / "in.f32")
        sizes = [str(size) for size in (*x.shape, decay.shape[1])]
        subprocess.run([*ENGINE, "scan", *sizes, str(folder / "in.f32"), str(folder / "out.f32")], check=True)
        return np.fromfile(folder / "out.f32", np.float32).reshape(x.shape)

    gaps, same = [], []
    for text in texts:
        tokens = np.frombuffer(text.encode(), np.uint8)
        with_ours, theirs = (network.mamba_forward(np, weights, tokens, scan=scan) for scan in (ours, None))
        gaps.append(float(np.abs(log_softmax(with_ours) - log_softmax(theirs)).max()))
        same.append(bool((with_ours.argmax(1) == theirs.argmax(1)).all()))
    row = {"family": "typeseg (trained Mamba-1)", "exact": {"largest": max(gaps)}, "same_labels": all(same), "ok": max(gaps) < EXACT and all(same)}
    print(f"{'typeseg':13} exact {max(gaps):.1e}  same labels {all(same)} {'ok' if row['ok'] else 'FAILED'}", flush=True)
    return row


def main():
    rows = [trained_scan() if name == "typeseg" else compare(name) for name in sys.argv[1:] or [*FAMILIES, "typeseg"]]
    if not sys.argv[1:]:
        paths = (ROOT / "bench/runs" / f"{datetime.date.today()}-architectures{end}.json" for end in ("", *(f"-{n}" for n in range(2, 100))))
        out = next(path for path in paths if not path.exists())
        out.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"written to {out.relative_to(ROOT)}")
    sys.exit(0 if all(row["ok"] for row in rows) else 1)


if __name__ == "__main__":
    main()
