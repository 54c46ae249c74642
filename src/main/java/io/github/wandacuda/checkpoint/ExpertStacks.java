package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tensors that hold a matrix of each expert of a mixture, [experts, rows, columns], and their
 * biases, [experts, features]. What works on modules sees each expert's part as a tensor of its
 * own, called after the stack, the expert's number and what it is: the parts of {@code
 * mlp.experts.down_proj} are {@code mlp.experts.down_proj.0.weight}, {@code
 * mlp.experts.down_proj.1.weight} and so on, those of {@code mlp.experts.down_proj_bias} are {@code
 * mlp.experts.down_proj.0.bias} and so on; of a quantized stack there are {@code weight_blocks},
 * {@code weight_scales} and the like, blocks as [rows, bytes of a row]. A file's header has the
 * stacks, and parts lie in it as those do.
 */
final class ExpertStacks {
  /**
   * The names of stacks and, last, of what is stored beside them, which is called by its ending.
   */
  private static final Pattern STACK =
      Pattern.compile(
          "(?:\\.|^)(?:experts\\.(?:gate_up_proj|gate_proj|up_proj|down_proj)"
              + "|block_sparse_moe\\.(?:input_linear|output_linear))(?:\\.weight|"
              + "(_bias|_blocks|_scales|_scale|_scale_inv|_weight_scale|_weight_scale_2))?$");

  private static final int MATRICES = 3;

  private ExpertStacks() {}

  /**
   * Returns a header's content with the parts of stacks in their places. By their names there are
   * the stacks too, since an index names those.
   *
   * @throws io.github.wandacuda.error.InputException if there are too many, or a part is called as
   *     another tensor is
   */
  static SafetensorsHeader apart(Path file, SafetensorsHeader header) {
    if (header.tensors().stream().allMatch(tensor -> parts(tensor).isEmpty())) {
      return header;
    }
    List<TensorInfo> apart = new ArrayList<>();
    Map<String, TensorInfo> byName = new HashMap<>(header.byName());
    for (TensorInfo tensor : header.tensors()) {
      Optional<Parts> parts = parts(tensor);
      long count = parts.isEmpty() ? 1 : tensor.shape().getFirst();
      if (apart.size() + count > TensorNames.MOST) {
        throw ErrorDetails.tensor(file, tensor.name())
            .wrong("at most %d tensors and experts".formatted(TensorNames.MOST), "more");
      }
      for (int expert = 0; expert < count; expert++) {
        TensorInfo part = parts.isEmpty() ? tensor : parts.get().of(expert);
        apart.add(part);
        TensorInfo other = byName.put(part.name(), part);
        if (other != null && !other.equals(part)) {
          throw ErrorDetails.tensor(file, part.name())
              .wrong("a part of one tensor", "a tensor of this name beside it");
        }
      }
    }
    return new SafetensorsHeader(header.bytes(), header.metadata(), List.copyOf(apart), byName);
  }

  private static Optional<Parts> parts(TensorInfo tensor) {
    Matcher name = STACK.matcher(tensor.name());
    int dimensions = tensor.shape().size();
    if (dimensions == 0 || tensor.bytes() == 0 || !name.find()) {
      return Optional.empty();
    }
    String ending = name.group(1) == null ? "" : name.group(1);
    boolean fits =
        switch (ending) {
          case "" -> dimensions == MATRICES;
          case "_bias" -> dimensions == MATRICES - 1;
          case "_blocks" -> dimensions == MATRICES + 1;
          default -> dimensions <= MATRICES;
        };
    if (!fits || tensor.bytes() % tensor.shape().getFirst() != 0) {
      return Optional.empty();
    }
    String suffix =
        switch (ending) {
          case "" -> ".weight";
          case "_bias" -> ".bias";
          default -> ending.startsWith("_weight") ? "." + ending.substring(1) : ".weight" + ending;
        };
    String stack = tensor.name().replaceFirst("(?:\\.weight|" + ending + ")$", "");
    return Optional.of(new Parts(tensor, stack, suffix));
  }

  /** A stack's parts: what comes before and behind an expert's number in their names. */
  private record Parts(TensorInfo stack, String prefix, String suffix) {
    TensorInfo of(int expert) {
      List<Long> shape = stack.shape();
      long bytes = stack.bytes() / shape.getFirst();
      long begin = stack.begin() + expert * bytes;
      List<Long> rest = shape.subList(1, shape.size());
      return new TensorInfo(
          prefix + '.' + expert + suffix,
          stack.dtype(),
          rest.size() == MATRICES ? List.of(rest.get(0), rest.get(1) * rest.get(2)) : rest,
          begin,
          begin + bytes);
    }
  }
}
