package io.github.wandacuda.calibration;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.util.List;
import java.util.function.LongConsumer;

/** Counts steps that several threads do, and tells of each that is done, one thread at a time. */
public final class StepCount {
  private final String what;
  private final long total;
  private final long work;
  private final Progress progress;
  private long done;
  private long workDone;

  /**
   * Begins to count steps that take equally long.
   *
   * @param what the kind of step, in the singular
   * @param total number of all steps
   * @param progress is told of each, by one thread at a time
   */
  public StepCount(String what, long total, Progress progress) {
    this(what, total, total, progress);
  }

  private StepCount(String what, long total, long work, Progress progress) {
    this.what = what;
    this.total = total;
    this.work = work;
    this.progress = progress;
  }

  /**
   * Begins to count steps that go through so many bytes together.
   *
   * @param what a step is, in the singular
   * @param total how many there are
   * @param bytes of all steps together; the share that is done is measured in them
   * @param progress is told of each
   */
  public static StepCount ofBytes(String what, long total, long bytes, Progress progress) {
    progress.begin(0);
    progress.bytes(bytes);
    return new StepCount(what, total, bytes, progress);
  }

  /**
   * Begins to count the tensors of files, measured in their bytes; tensors without elements are no
   * steps.
   */
  public static StepCount ofTensors(String what, List<SafetensorsFile> files, Progress progress) {
    List<TensorInfo> all =
        files.stream()
            .flatMap(file -> file.tensors().stream())
            .filter(tensor -> tensor.bytes() > 0)
            .toList();
    return ofBytes(what, all.size(), all.stream().mapToLong(TensorInfo::bytes).sum(), progress);
  }

  /**
   * Begins to count bytes, which are no steps.
   *
   * @param all how many there are
   * @param progress is told of them, by one thread at a time
   * @return takes how many more are done, from any thread
   */
  public static LongConsumer bytes(long all, Progress progress) {
    progress.begin(0);
    progress.bytes(all);
    long[] done = {0};
    return bytes -> {
      synchronized (done) {
        done[0] += bytes;
        double share = Math.min((double) done[0] / all, Math.nextDown(1.0));
        progress.within("byte", done[0], all, share);
      }
    };
  }

  /** Called when a step is done, by any thread. */
  public void done() {
    done(1);
  }

  /** Called when a step is done that went through so many bytes, by any thread. */
  public synchronized void done(long bytes) {
    done++;
    workDone += bytes;
    progress.step(what, done, total, work == 0 ? 1 : (double) workDone / work);
  }
}
