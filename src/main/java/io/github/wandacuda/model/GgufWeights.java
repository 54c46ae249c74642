package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.gguf.GgufType;
import io.github.wandacuda.checkpoint.gguf.GgufWeight;
import io.github.wandacuda.error.ErrorDetails;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The weights of modules in a GGUF file whose codes can be made 0. */
public final class GgufWeights {
  /** So many of the modules that can't be pruned are named. */
  private static final int NAMED = 3;

  private GgufWeights() {}

  /**
   * Finds the weights of modules.
   *
   * @param model in GGUF
   * @return in the order of the modules
   * @throws io.github.wandacuda.error.UsageException if one is of a type without a code for 0, or
   *     the file has it in pieces
   */
  public static List<GgufWeight> of(ModelDirectory model, List<LinearModule> modules) {
    List<GgufWeight> weights = modules.stream().map(module -> of(model, module)).toList();
    List<String> without = new ArrayList<>();
    for (int index = 0; index < weights.size(); index++) {
      GgufWeight weight = weights.get(index);
      if (!weight.hasZeroCode()) {
        String type = weight.type().map(GgufType::name).orElseThrow();
        without.add("%s of %s".formatted(type, modules.get(index).name()));
      }
    }
    if (!without.isEmpty()) {
      String others =
          without.size() > NAMED ? " and %d more".formatted(without.size() - NAMED) : "";
      throw ErrorDetails.file(model.path())
          .hint("Q8_0, Q6_K, Q5_0, Q4_0 and Q3_K have one; `exclude` leaves modules out")
          .refused(
              "types with a code that is 0 under each scale",
              without.stream().limit(NAMED).collect(Collectors.joining(", ")) + others);
    }
    return weights;
  }

  private static GgufWeight of(ModelDirectory model, LinearModule module) {
    return GgufWeight.of(
            model.checkpoint(),
            module.tensor(),
            module.transposed(),
            module.rows(),
            module.columns())
        .orElseThrow(
            () ->
                module
                    .place()
                    .hint("leave it out with `exclude` '%s'".formatted(module.name()))
                    .refused("rows that are rows of the file, to zero weights", "it in pieces"));
  }
}
