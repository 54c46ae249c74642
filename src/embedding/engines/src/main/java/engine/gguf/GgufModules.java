package engine.gguf;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What wanda-cuda calls the matrices of a LLaMA's GGUF, and views of them. That llama.cpp has
 * permuted the rows of q and k changes nothing: each row is pruned by itself.
 */
public final class GgufModules {
  private static final Pattern NAME = Pattern.compile("blk\\.(\\d+)\\.(\\w+)\\.weight");
  private static final Map<String, String> PARTS =
      Map.of(
          "attn_q", "self_attn.q_proj",
          "attn_k", "self_attn.k_proj",
          "attn_v", "self_attn.v_proj",
          "attn_output", "self_attn.o_proj",
          "ffn_gate", "mlp.gate_proj",
          "ffn_up", "mlp.up_proj",
          "ffn_down", "mlp.down_proj");

  private GgufModules() {}

  /** Returns the module that a tensor is the weight of; empty for what isn't pruned. */
  public static Optional<String> module(String tensor) {
    Matcher name = NAME.matcher(tensor);
    return name.matches() && PARTS.containsKey(name.group(2))
        ? Optional.of("model.layers." + name.group(1) + "." + PARTS.get(name.group(2)))
        : Optional.empty();
  }

  /** Returns a view of a tensor; quantized blocks can't be pruned in place. */
  public static WeightMatrix matrix(GgufFile.Tensor tensor) {
    DType dtype =
        switch (tensor.type()) {
          case GgufFile.F32 -> DType.F32;
          case GgufFile.F16 -> DType.F16;
          case GgufFile.BF16 -> DType.BF16;
          default -> throw new IllegalArgumentException("GGUF type " + tensor.type());
        };
    return WeightMatrix.of(tensor.data(), dtype, tensor.rows(), tensor.columns());
  }
}
