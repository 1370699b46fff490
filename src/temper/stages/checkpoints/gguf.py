"""A GGUF file of the Llama family as a plain checkpoint: float32 safetensors, config, tokenizer and chat template.

Read tensor by tensor with the `gguf` package: transformers' own GGUF loading takes a minute, refuses to be saved
again, and loses SmolLM2's digit splitting, its eos token and its exact norm epsilon on the way.
"""

from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from temper.errors import MissingModelError

CONTROL = 3
"""gguf's token type of control tokens."""
BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""llama.cpp's names of a block's weights and transformers' names for them."""


def load_gguf(path: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Model (float32) and tokenizer in the GGUF file `path`. Raises MissingModelError for another architecture."""
    reader = GGUFReader(path)
    values = {name: field.contents() for name, field in reader.fields.items()}
    kind = (values["general.architecture"], values.get("tokenizer.ggml.pre"))
    if kind != ("llama", "smollm"):
        raise MissingModelError(f"{path.name} is {kind}: only SmolLM2's Llama GGUF files can be read; use a hub model")
    model = LlamaForCausalLM(_config(values))
    tensors = {_name(t.name): torch.from_numpy(dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
    rotated = {"q_proj": values["llama.attention.head_count"], "k_proj": values["llama.attention.head_count_kv"]}
    for name, heads in rotated.items():
        for key in [key for key in tensors if key.endswith(f"{name}.weight")]:
            tensors[key] = _unpermute(tensors[key], heads)
    tensors.setdefault("lm_head.weight", tensors["model.embed_tokens.weight"])
    model.load_state_dict(tensors, strict=True)
    return model, _tokenizer(values)


def _config(values: dict[str, Any]) -> LlamaConfig:
    llama = {name.removeprefix("llama."): value for name, value in values.items() if name.startswith("llama.")}
    return LlamaConfig(
        vocab_size=llama["vocab_size"],
        hidden_size=llama["embedding_length"],
        intermediate_size=llama["feed_forward_length"],
        num_hidden_layers=llama["block_count"],
        num_attention_heads=llama["attention.head_count"],
        num_key_value_heads=llama["attention.head_count_kv"],
        max_position_embeddings=llama["context_length"],
        rms_norm_eps=float(f"{llama['attention.layer_norm_rms_epsilon']:.3g}"),  # stored as float32: 9.99999975e-06
        rope_parameters={"rope_type": "default", "rope_theta": llama["rope.freq_base"]},
        tie_word_embeddings=True,
        bos_token_id=values["tokenizer.ggml.bos_token_id"],
        eos_token_id=values["tokenizer.ggml.eos_token_id"],
        pad_token_id=values["tokenizer.ggml.padding_token_id"],
        dtype="float32",
    )


def _name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, number, part, _ = name.split(".")
    return f"model.layers.{number}.{BLOCK[part]}.weight"


def _unpermute(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Undo llama.cpp's interleaving of rotary pairs in `weight` [heads * head_dim, hidden]."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns).contiguous()


def _tokenizer(values: dict[str, Any]) -> PreTrainedTokenizerFast:
    """Byte-level BPE with digits split one by one; no token is added before or after a text."""
    tokens = values["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in values["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [i for i, kind in enumerate(values["tokenizer.ggml.token_type"]) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(tokens[i], special=True, normalized=False) for i in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=tokens[values["tokenizer.ggml.bos_token_id"]],
        eos_token=tokens[values["tokenizer.ggml.eos_token_id"]],
        pad_token=tokens[values["tokenizer.ggml.padding_token_id"]],
        unk_token=tokens[values["tokenizer.ggml.unknown_token_id"]],
        chat_template=values["tokenizer.chat_template"],
        model_max_length=values["llama.context_length"],
        clean_up_tokenization_spaces=False,
        add_prefix_space=False,
    )
