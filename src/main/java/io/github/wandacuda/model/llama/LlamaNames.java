package io.github.wandacuda.model.llama;

import io.github.wandacuda.model.DecoderWeights;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a LLaMA's tensors are called: with {@code model.} in front as LlamaForCausalLM saves them,
 * or without as the bare decoder does.
 */
record LlamaNames(String prefix) {
  static final String WEIGHT = ".weight";
  static final String BIAS = ".bias";
  static final String QUERY = "self_attn.q_proj";
  static final String KEY = "self_attn.k_proj";
  static final String VALUE = "self_attn.v_proj";
  static final String OUTPUT = "self_attn.o_proj";
  static final String GATE = "mlp.gate_proj";
  static final String UP = "mlp.up_proj";
  static final String DOWN = "mlp.down_proj";

  private static final List<String> LINEARS = List.of(QUERY, KEY, VALUE, OUTPUT, GATE, UP, DOWN);

  static LlamaNames of(DecoderWeights weights) {
    boolean bare = weights.has("embed_tokens.weight") && !weights.has("model.embed_tokens.weight");
    return new LlamaNames(bare ? "" : "model.");
  }

  String embedding() {
    return prefix + "embed_tokens.weight";
  }

  String finalNorm() {
    return prefix + "norm.weight";
  }

  String head() {
    return "lm_head.weight";
  }

  List<String> linears(int blocks) {
    return IntStream.range(0, blocks)
        .boxed()
        .flatMap(block -> LINEARS.stream().map(name -> inBlock(block, name)))
        .toList();
  }

  String inBlock(int block, String name) {
    return prefix + "layers." + block + "." + name;
  }
}
