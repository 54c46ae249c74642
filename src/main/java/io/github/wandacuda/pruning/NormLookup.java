package io.github.wandacuda.pruning;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
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
          "%s: tensor %s.input_norm is missing; the module is to be pruned and has %d input columns"
              .formatted(source.file(), module.name(), module.columns()));
    }
    if (norms.length != module.columns()) {
      throw new InputException(
          "%s: tensor %s.input_norm: expected one norm for each of %d input columns, found %d"
              .formatted(source.file(), module.name(), module.columns(), norms.length));
    }
    return norms;
  }
}
