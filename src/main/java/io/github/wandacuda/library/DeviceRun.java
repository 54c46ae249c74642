package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.pruning.MagnitudeThreshold;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.CancellationException;

/** One call under way on a matrix in device memory, by the calling thread alone. */
final class DeviceRun {
  private final DeviceMatrix weight;
  private final Scoring scoring;
  private final PruneOptions options;
  private final MemorySegment mask;
  private long rowsDone;

  /** Checks a call, but for the memory itself. */
  DeviceRun(DeviceMatrix weight, Criterion criterion, Sparsity sparsity, PruneOptions options) {
    this.weight = Objects.requireNonNull(weight, "weight");
    scoring = Scoring.of(criterion, sparsity, options);
    this.options = options;
    scoring.check(weight.columns());
    if (options.mask() != null) {
      Memory.requireMask(options.mask(), weight.rows(), weight.columns());
    }
    mask = options.mask() == null ? null : options.mask().bits();
  }

  PruneResult run(DeviceSelector selector) {
    try {
      requireWanted();
      if (options.weightsChecked()) {
        selector.requireFinite(weight);
      }
      SelectionRule rule = rule(selector);
      Selection found = selector.select(weight, scoring.norms(), rule, mask, this::count);
      return new PruneResult(weight.rows(), weight.columns(), found.pruned(), found.zeros());
    } catch (CancelledException e) {
      CancellationException cancelled =
          new CancellationException(
              "cancelled: %d of %d rows are pruned, the others are as they were"
                  .formatted(rowsDone, weight.rows()));
      cancelled.initCause(e);
      throw cancelled;
    }
  }

  private SelectionRule rule(DeviceSelector selector) {
    if (!scoring.needsThreshold(weight.elements())) {
      return scoring.rule(weight.columns());
    }
    long index = ((Sparsity.Ratio) scoring.sparsity()).of(weight.elements());
    return new SelectionRule.AtMost(MagnitudeThreshold.at(index, selector, weight));
  }

  private void count(long rows) {
    rowsDone = rows;
    if (options.progress() != null) {
      options.progress().rowsDone(rows, weight.rows());
    }
    if (rows < weight.rows()) {
      requireWanted();
    }
  }

  private void requireWanted() {
    boolean given = options.cancellation() != null && options.cancellation().getAsBoolean();
    if (given || Thread.currentThread().isInterrupted()) {
      throw new CancelledException();
    }
  }
}
