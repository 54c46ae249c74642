package io.github.wandacuda.calibration;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import java.util.List;

/** Counts steps that several threads do, and tells of each that is done. */
public final class StepCount {
  private final String what;
  private final long total;
  private final Progress progress;
  private long done;

  /**
   * Begins.
   *
   * @param progress is told, by one thread at a time
   */
  public StepCount(String what, long total, Progress progress) {
    this.what = what;
    this.total = total;
    this.progress = progress;
  }

  /** Begins to count the tensors of files that have bytes. */
  public static StepCount ofTensors(List<SafetensorsFile> files, Progress progress) {
    progress.begin(0);
    return new StepCount(
        "tensor",
        files.stream()
            .flatMap(file -> file.tensors().stream())
            .filter(tensor -> tensor.bytes() > 0)
            .count(),
        progress);
  }

  public synchronized void done() {
    done++;
    progress.step(what, done, total);
  }
}
