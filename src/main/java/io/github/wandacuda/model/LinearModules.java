package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds the linear modules inside the decoder blocks of any model by the names of its tensors: a
 * matrix called {@code ...layers.<n>.<module>.weight}, or {@code h} or {@code blocks} in the place
 * of {@code layers}. Embeddings, heads and projections stand outside the blocks and norms are
 * vectors, so neither is found.
 */
public final class LinearModules {
  private static final Pattern IN_BLOCK =
      Pattern.compile(
          "(?<before>(?:[^.]+\\.)*?)(?:layers?|h|blocks?)\\.\\d+\\.(?<inside>.+)"
              + "\\.(?:weight|qweight|weight_packed)");

  /** Towers that stand beside the decoder in models of several modes. */
  private static final Pattern OTHER_TOWER =
      Pattern.compile("(?:^|\\.)(?:vision|visual|audio)\\w*\\.");

  private static final Pattern ENCODER = Pattern.compile("(?:^|\\.)encoder\\.");
  private static final Pattern DECODER = Pattern.compile("(?:^|\\.)decoder\\.");
  private static final Pattern NO_LINEAR =
      Pattern.compile("embed|norm|rotary|(?:^|\\.)(?:wte|wpe)");
  private static final Set<String> ROUTERS = Set.of("gate", "shared_expert_gate", "router");

  /** Model types whose linear modules are Conv1D, stored as [in, out]. */
  private static final Set<String> CONV1D = Set.of("gpt2", "openai-gpt", "imagegpt");

  private LinearModules() {}

  /**
   * Returns all linear modules inside the decoder blocks, routers included, in code-point order of
   * their names.
   */
  public static List<LinearModule> of(ModelConfig config, Checkpoint checkpoint) {
    boolean transposed = CONV1D.contains(config.modelType());
    boolean hasDecoder =
        entries(checkpoint).anyMatch(entry -> DECODER.matcher(entry.info().name()).find());
    return entries(checkpoint)
        .filter(entry -> isMatrix(entry.info()))
        .flatMap(entry -> module(entry, transposed, hasDecoder).stream())
        .sorted(Comparator.comparing(LinearModule::name, TensorNames.ORDER))
        .toList();
  }

  private static Stream<Checkpoint.Entry> entries(Checkpoint checkpoint) {
    return checkpoint.tensors().stream();
  }

  private static boolean isMatrix(TensorInfo info) {
    return info.shape().size() == 2;
  }

  private static Optional<LinearModule> module(
      Checkpoint.Entry entry, boolean transposed, boolean hasDecoder) {
    String tensor = entry.info().name();
    Matcher matcher = IN_BLOCK.matcher(tensor);
    if (!matcher.matches()
        || OTHER_TOWER.matcher(matcher.group("before")).find()
        || (hasDecoder && ENCODER.matcher(matcher.group("before")).find())
        || NO_LINEAR.matcher(matcher.group("inside")).find()) {
      return Optional.empty();
    }
    String name = tensor.substring(0, tensor.lastIndexOf('.'));
    boolean router = ROUTERS.contains(name.substring(name.lastIndexOf('.') + 1));
    return Optional.of(new LinearModule(name, entry.shard(), entry.info(), transposed, router));
  }
}
