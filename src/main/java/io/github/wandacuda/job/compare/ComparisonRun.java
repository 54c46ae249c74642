package io.github.wandacuda.job.compare;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Does what is left of a comparison. What is measured is kept at once, in the order in which it is
 * measured. It is told in the order that was asked for, the dense model first and each run as soon
 * as those before it are there.
 */
public final class ComparisonRun implements ComparisonWork.Measured {
  private final List<AskedRun> asked;
  private final Optional<UnfinishedComparison> unfinished;
  private final ComparisonWork.Measured told;
  private final ComparedRun[] runs;
  private DenseFigures dense;
  private int shown;

  /**
   * Prepares a comparison.
   *
   * @param unfinished has what an earlier comparison has measured, and keeps what this one does
   * @param told is told of what is kept too
   */
  public ComparisonRun(
      List<AskedRun> asked,
      Optional<UnfinishedComparison> unfinished,
      ComparisonWork.Measured told) {
    this.asked = asked;
    this.unfinished = unfinished;
    this.told = told;
    runs = new ComparedRun[asked.size()];
  }

  public ComparisonFigures compare(ComparisonWork work, Progress progress) {
    int all = runs.length + 1;
    List<ComparisonWork.Part> left = takeKept();
    progress.begin((double) (all - left.size()) / all);
    work.measure(left, all, progress, this);
    return new ComparisonFigures(dense, List.of(runs));
  }

  /** Takes what was kept, and returns the parts that are left. */
  private List<ComparisonWork.Part> takeKept() {
    List<ComparisonWork.Part> left = new ArrayList<>();
    unfinished
        .flatMap(UnfinishedComparison::dense)
        .ifPresentOrElse(this::take, () -> left.add(new ComparisonWork.Part(0, null)));
    for (int index = 0; index < runs.length; index++) {
      int place = index + 1;
      AskedRun run = asked.get(index);
      unfinished
          .flatMap(file -> file.like(run.label(), run.sparsity(), run.files()))
          .ifPresentOrElse(
              kept -> take(place, kept), () -> left.add(new ComparisonWork.Part(place, run.way())));
    }
    return left;
  }

  @Override
  public void dense(DenseFigures figures) {
    unfinished.ifPresent(file -> file.addDense(figures));
    take(figures);
  }

  @Override
  public void run(int place, ComparedRun run) {
    unfinished.ifPresent(file -> file.add(run));
    take(place, run);
  }

  private void take(DenseFigures figures) {
    dense = figures;
    told.dense(figures);
    tellRuns();
  }

  private void take(int place, ComparedRun run) {
    runs[place - 1] = run;
    tellRuns();
  }

  private void tellRuns() {
    while (dense != null && shown < runs.length && runs[shown] != null) {
      ComparedRun run = runs[shown++];
      told.run(shown, run);
    }
  }
}
