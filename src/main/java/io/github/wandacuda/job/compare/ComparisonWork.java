package io.github.wandacuda.job.compare;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.record.Part;
import java.util.List;
import java.util.function.Function;

/** Measures the parts of a comparison: in this process or by others. */
public interface ComparisonWork {
  /**
   * Measures parts.
   *
   * @param parts those that aren't done yet, in their order
   * @param all how many parts there are, with those that are done
   * @param progress is told of them; its beginning was told
   * @param measured is given what each comes to, in any order
   * @throws io.github.wandacuda.error.InputException of the first part that can't be measured, if a
   *     weight or an activation isn't finite
   */
  void measure(List<Part> parts, int all, Progress progress, Measured measured);

  /** A part: {@code way} shares totals out and says how to prune; null for the dense model. */
  record Part(int place, Function<Progress, Comparison.Way> way) {}

  /** Takes what parts come to. */
  interface Measured {
    void dense(ComparedRun.DenseFigures figures);

    void run(int place, ComparedRun run);
  }
}
