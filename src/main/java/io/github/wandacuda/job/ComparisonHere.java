package io.github.wandacuda.job;

import io.github.wandacuda.calibration.Progress;
import java.util.List;

/**
 * Measures one part after the other in this process.
 *
 * @param comparison does it
 */
public record ComparisonHere(Comparison comparison) implements ComparisonWork {
  @Override
  public void measure(List<Part> parts, int all, Progress progress, Measured measured) {
    int done = all - parts.size();
    for (Part part : parts) {
      Progress of = progress.part(done++, all);
      if (part.way() == null) {
        measured.dense(comparison.dense(of));
      } else {
        measured.run(part.place(), comparison.run(part.way().apply(of), of));
      }
    }
  }
}
