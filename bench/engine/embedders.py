"""Our embedding model in the peers' formats: the weights of the same GGUF file as 32-bit floats, for sentence-transformers and onnxruntime."""

import json
import time

import numpy as np
import torch


class Weights:
    """A BERT and its unigram vocabulary, from a GGUF file."""

    def __init__(self, path):
        from gguf import GGUFReader, dequantize

        self.reader = GGUFReader(path)
        self.tensors = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in self.reader.tensors}

    def value(self, key):
        return self.reader.fields[key].contents()

    def model(self):
        """transformers' BertModel."""
        from transformers import BertConfig, BertModel

        shape = {name: self.value(f"bert.{key}") for name, key in {
            "num_hidden_layers": "block_count", "hidden_size": "embedding_length", "intermediate_size": "feed_forward_length",
            "num_attention_heads": "attention.head_count", "max_position_embeddings": "context_length",
            "layer_norm_eps": "attention.layer_norm_epsilon"}.items()}
        vocabulary, types = len(self.tensors["token_embd.weight"]), len(self.tensors["token_types.weight"])
        config = BertConfig(vocab_size=vocabulary, type_vocab_size=types, **shape)
        model = BertModel(config, add_pooling_layer=False)
        model.load_state_dict({ours: torch.tensor(self.tensors[theirs].reshape(have.shape)) for ours, have in model.state_dict().items()
                               if (theirs := name_of(ours))}, strict=False)
        return model.eval()

    def tokenizer(self):
        """The same pieces and scores. Unicode is normalised in general, not by the file's own table: ids may differ where characters are odd."""
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

        pieces = list(zip(self.value("tokenizer.ggml.tokens"), self.value("tokenizer.ggml.scores")))
        begin, end, unknown = (self.value(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "unknown"))
        made = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
        made.decoder = decoders.Metaspace()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.post_processor = processors.TemplateProcessing(
            single=f"{pieces[begin][0]} $A {pieces[end][0]}", special_tokens=[(pieces[begin][0], begin), (pieces[end][0], end)])
        self.padding = pieces[self.value("tokenizer.ggml.padding_token_id")][0]
        return made


LAYER = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "token_embd.weight", "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight", "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}


def name_of(name):
    """GGUF's name of one of transformers' tensors."""
    if not name.startswith("encoder.layer."):
        return EMBEDDINGS.get(name)
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER[part]}.{kind}"


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class SentenceTransformers:
    """sentence-transformers with PyTorch, as it is unless told otherwise."""

    name = "sentence-transformers"

    def __init__(self, weights, folder):
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Normalize, Pooling, Transformer
        from transformers import PreTrainedTokenizerFast

        weights.model().save_pretrained(folder)
        tokenizer = weights.tokenizer()
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=weights.padding, model_max_length=512).save_pretrained(folder)
        body = Transformer(str(folder), max_seq_length=512)
        self.model = SentenceTransformer(modules=[body, Pooling(weights.value("bert.embedding_length"), "mean"), Normalize()], device="cpu")

    def embed(self, texts):
        return self.model.encode(texts, batch_size=32, show_progress_bar=False)


class OnnxRuntime:
    """onnxruntime over the exported graph, fused by its own optimiser; in 8 bits also by its dynamic quantisation."""

    def __init__(self, weights, folder, bits):
        import onnx
        import onnxruntime
        from onnxruntime.quantization import quantize_dynamic
        from onnxruntime.transformers import optimizer

        self.name = "onnxruntime" if bits == 32 else f"onnxruntime, {bits} bits"
        self.tokenizer = weights.tokenizer()
        self.tokenizer.enable_padding(pad_token=weights.padding, pad_id=self.tokenizer.token_to_id(weights.padding))
        path = folder / "model.onnx"
        if not path.exists():
            export(weights, path)
            heads, width = (weights.value(f"bert.{key}") for key in ("attention.head_count", "embedding_length"))
            optimizer.optimize_model(str(path), "bert", num_heads=heads, hidden_size=width).save_model_to_file(str(path))
        if bits == 8:
            quantised = folder / "model-8.onnx"
            if not quantised.exists():
                quantize_dynamic(path, quantised, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
            path = quantised
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = 2, 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def embed(self, texts):
        rows = self.tokenizer.encode_batch(texts)
        ids, mask = (np.array([getattr(row, part) for row in rows], np.int64) for part in ("ids", "attention_mask"))
        [hidden] = self.session.run(["hidden"], {"input_ids": ids, "attention_mask": mask})
        return unit((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True))


def export(weights, path):
    class Body(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = weights.model()
            self.model.set_attn_implementation("eager")

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    example = torch.ones(2, 16, dtype=torch.int64)
    axes = {"input_ids": {0: "batch", 1: "length"}, "attention_mask": {0: "batch", 1: "length"}, "hidden": {0: "batch", 1: "length"}}
    torch.onnx.export(Body(), (example, example), str(path), input_names=["input_ids", "attention_mask"], output_names=["hidden"],
                      dynamic_axes=axes, opset_version=17, dynamo=False)


class Ours:
    """Our server, over HTTP."""

    name = "sumeru"

    def __init__(self, server):
        self.server = server

    def embed(self, texts):
        with self.server.post("/v1/embeddings", {"model": self.server.model, "input": texts}) as response:
            answer = json.load(response)
        self.tokens = answer["usage"]["prompt_tokens"]
        return np.array([row["embedding"] for row in answer["data"]], np.float32)


def speed(embedder, texts):
    """Texts in a second, and their vectors."""
    # Threads of the one before may still look for work.
    time.sleep(0.5)
    started = time.perf_counter()
    vectors = embedder.embed(texts)
    return len(texts) / (time.perf_counter() - started), vectors
