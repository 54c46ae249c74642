package io.github.wandacuda.job.compare;

import java.util.List;

/**
 * What a comparison comes to.
 *
 * @param runs in the order that was asked for
 */
public record ComparisonFigures(ComparedRun.DenseFigures dense, List<ComparedRun> runs) {
  public ComparisonFigures {
    runs = List.copyOf(runs);
  }
}
