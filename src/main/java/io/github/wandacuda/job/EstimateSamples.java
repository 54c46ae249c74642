package io.github.wandacuda.job;

import io.github.wandacuda.calibration.BlockStatistics;
import io.github.wandacuda.calibration.GramFile;
import io.github.wandacuda.layerwise.Gram;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.LayerInputs;
import java.lang.foreign.Arena;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The modules by which a run's time is estimated: those of one block whose inputs were observed, or
 * those that a statistics file knows.
 *
 * @param scope the run
 * @param block what was observed, or nothing
 */
record EstimateSamples(RunScope scope, Optional<BlockStatistics> block)
    implements LayerEstimate.Samples {

  @Override
  public Optional<LinearModule> like(LinearModule module) {
    List<LinearModule> known =
        scope.chosen().stream().filter(other -> isKnown(other, module)).toList();
    return known.stream()
        .filter(other -> other.columns() == module.columns())
        .findFirst()
        .or(() -> known.stream().max(Comparator.comparingInt(LinearModule::columns)));
  }

  /** Returns whether as much is known of one module as another needs. */
  private boolean isKnown(LinearModule one, LinearModule other) {
    boolean known =
        block
            .map(observed -> observed.norms().containsKey(one.name()))
            .orElseGet(() -> needsMoments(one) == needsMoments(other));
    return known && one.elements() > 0;
  }

  private boolean needsMoments(LinearModule module) {
    return scope.rules().of(module).needsMoments();
  }

  @Override
  public LayerInputs inputs(LinearModule module, boolean moments, Arena arena) {
    if (block.isPresent()) {
      BlockStatistics observed = block.get();
      return inputs(observed.norms().get(module.name()), observed.grams().get(module.name()));
    }
    float[] norms = scope.norms(module);
    if (!moments || !(scope.request().calibration() instanceof Calibration.FromStatistics from)) {
      return inputs(norms, null);
    }
    try (GramFile file = GramFile.open(from.file())) {
      return inputs(norms, file.read(module.name(), norms, arena));
    }
  }

  private static LayerInputs inputs(float[] norms, Gram gram) {
    return new LayerInputs(norms, gram, 0, Optional.empty());
  }
}
