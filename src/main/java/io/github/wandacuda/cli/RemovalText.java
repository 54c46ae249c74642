package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.job.structure.RemovalSizes;
import io.github.wandacuda.job.structure.RemovalSummary;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Says for people what goes of a model. */
final class RemovalText {
  private RemovalText() {}

  /**
   * Returns how many parts are left of how many, and the sizes.
   *
   * @param done what was or would be done, in words that the parts follow
   */
  static Stream<String> of(RemovalSummary removal, String done) {
    RemovalSizes sizes = removal.sizes();
    String parts =
        sizes.kinds().entrySet().stream()
            .map(
                kind ->
                    "%d of %d %s"
                        .formatted(
                            kind.getValue().after(),
                            kind.getValue().before(),
                            kind.getKey().parts()))
            .collect(Collectors.joining(", "));
    return OutputOptions.lines(
        """
        %s: %s%s, chosen by %s%s
          parameters  %d of %d
          bytes       %d of %d, %.1f %%\
        """,
        removal.output(),
        done,
        parts,
        removal.asked().score(),
        removal.update() == Update.NONE ? "" : ", fitted by " + removal.update().label(),
        sizes.parameters().after(),
        sizes.parameters().before(),
        sizes.bytes().after(),
        sizes.bytes().before(),
        sizes.bytes().percent());
  }
}
