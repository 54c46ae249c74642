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
 * mlp.experts.down_proj.0.bias} and so on. A file's header has the stacks, and parts lie in it as
 * those do.
 */
final class ExpertStacks {
  /** The names of stacks and, last, of their biases. */
  private static final Pattern STACK =
      Pattern.compile(
          "(?:\\.|^)(?:experts\\.(?:gate_up_proj|gate_proj|up_proj|down_proj)"
              + "|block_sparse_moe\\.(?:input_linear|output_linear))(?:\\.weight|(_bias))?$");

  private static final int MATRICES = 3;
  private static final int VECTORS = 2;

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
        throw ErrorDetails.file(file)
            .tensor(tensor.name())
            .wrong("at most %d tensors and experts".formatted(TensorNames.MOST), "more");
      }
      for (int expert = 0; expert < count; expert++) {
        TensorInfo part = parts.isEmpty() ? tensor : parts.get().of(expert);
        apart.add(part);
        TensorInfo other = byName.put(part.name(), part);
        if (other != null && !other.equals(part)) {
          throw ErrorDetails.file(file)
              .tensor(part.name())
              .wrong("a part of one tensor", "a tensor of this name beside it");
        }
      }
    }
    return new SafetensorsHeader(header.bytes(), header.metadata(), List.copyOf(apart), byName);
  }

  private static Optional<Parts> parts(TensorInfo tensor) {
    int dimensions = tensor.shape().size();
    if (dimensions < VECTORS || dimensions > MATRICES || tensor.bytes() == 0) {
      return Optional.empty();
    }
    Matcher name = STACK.matcher(tensor.name());
    if (!name.find()
        || dimensions != (name.group(1) == null ? MATRICES : VECTORS)
        || tensor.bytes() % tensor.shape().getFirst() != 0) {
      return Optional.empty();
    }
    String suffix = name.group(1) == null ? ".weight" : ".bias";
    return Optional.of(
        new Parts(tensor, tensor.name().replaceFirst("(?:\\.weight|_bias)$", ""), suffix));
  }

  /** A stack's parts: what comes before and behind an expert's number in their names. */
  private record Parts(TensorInfo stack, String prefix, String suffix) {
    TensorInfo of(int expert) {
      List<Long> shape = stack.shape();
      long bytes = stack.bytes() / shape.getFirst();
      long begin = stack.begin() + expert * bytes;
      return new TensorInfo(
          prefix + '.' + expert + suffix,
          stack.dtype(),
          shape.subList(1, shape.size()),
          begin,
          begin + bytes);
    }
  }
}
