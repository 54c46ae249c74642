package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.Unreached;
import java.util.List;

/** The norms of the chosen modules out of a statistics file, checked before anything is written. */
record NormLookup(Calibration.FromStatistics source) {

  /**
   * Checks that every module has its norms.
   *
   * @param unreached whether norms may all be zero
   * @throws InputException if a module has none, or not one for each of its columns
   */
  void check(List<LinearModule> modules, Unreached unreached) {
    modules.forEach(module -> unreached.check(module, of(module)));
  }

  float[] of(LinearModule module) {
    float[] norms = source.statistics().norms().get(module.name());
    if (norms == null) {
      throw new InputException(
          place(module)
              .expected(
                  "the norms of the module's %d input columns".formatted(module.columns()),
                  "no such tensor")
              .hint("take this model's own statistics, or leave the module out with `exclude`"));
    }
    if (norms.length != module.columns()) {
      throw new InputException(
          place(module)
              .expected(
                  "one norm for each of %d input columns".formatted(module.columns()),
                  String.valueOf(norms.length))
              .hint("take this model's own statistics"));
    }
    return norms;
  }

  private ErrorDetails place(LinearModule module) {
    return ErrorDetails.file(source.file()).tensor(module.name() + ".input_norm");
  }
}
