package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.system.SpaceCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a calibrated run on a cluster leaves in its unfinished output for one that resumes it: each
 * block's norms, and now and then the hidden states that a block has read, a file for each batch,
 * which the process that has the batch writes.
 */
public final class SavedBlocks {
  private static final int NONE = -1;

  private final OutputDirectory output;
  private final Duration every;
  private final List<SampleBatch> batches;
  private final long tokenBytes;
  private final boolean resumed;
  private long last = System.nanoTime();

  /** The block whose states this run has begun with; a batch that is lost begins there again. */
  private int begun = NONE;

  private int latest = NONE;

  public SavedBlocks(
      OutputDirectory output, Duration every, List<SampleBatch> batches, int hiddenSize) {
    this.output = output;
    this.every = every;
    this.batches = batches;
    tokenBytes = (long) hiddenSize * Float.BYTES;
    resumed = output.interrupted().isPresent();
  }

  private Path norms(int block) {
    return output.path().resolve("%s.norms-%d".formatted(AtomicWrite.OWN, block));
  }

  /** Returns the file of the states that a block reads of a batch. */
  public static Path states(Path output, int block, int batch) {
    return output.resolve("%s.batch-%d-%d".formatted(AtomicWrite.OWN, block, batch));
  }

  /** Returns the norms that an interrupted run has left, by block, without a gap. */
  public Map<Integer, Map<String, float[]>> norms() {
    Map<Integer, Map<String, float[]>> norms = new TreeMap<>();
    while (resumed && Files.isRegularFile(norms(norms.size()))) {
      norms.put(norms.size(), Statistics.read(norms(norms.size())).norms());
    }
    return norms;
  }

  /** Returns the first block that samples have to run to, where so many have their norms. */
  public int first(int blocks) {
    for (int block = blocks - 1; block >= 0; block--) {
      if (holds(block)) {
        begun = block;
        latest = block;
        return block + 1;
      }
    }
    return 0;
  }

  private boolean holds(int block) {
    for (SampleBatch batch : batches) {
      Path file = states(output.path(), block, batch.index());
      try {
        if (Files.size(file) != batch.tokens() * tokenBytes + Long.BYTES) {
          return false;
        }
      } catch (IOException e) {
        return false;
      }
    }
    return true;
  }

  public boolean isTime(int block) {
    long bytes = batches.stream().mapToLong(batch -> batch.tokens() * tokenBytes).sum();
    if (System.nanoTime() - last < every.toNanos() || !SpaceCheck.hasDisk(output.path(), bytes)) {
      return false;
    }
    batches.forEach(batch -> register(states(output.path(), block, batch.index())));
    return true;
  }

  private void register(Path file) {
    Path unused = output.file(output.path().relativize(file));
  }

  /**
   * Keeps what is known once a block is pruned, and the states that it has read if they were saved.
   */
  public void add(int block, Statistics norms, boolean saved) {
    register(norms(block));
    AtomicWrite.replace(norms(block), norms.content());
    if (saved) {
      last = System.nanoTime();
      if (latest != begun) {
        remove(latest);
      }
      latest = block;
    }
  }

  private void remove(int block) {
    batches.forEach(
        batch -> OutputDirectory.removeFile(states(output.path(), block, batch.index())));
  }

  public void remove() {
    for (int block = 0; Files.exists(norms(block)); block++) {
      OutputDirectory.removeFile(norms(block));
      remove(block);
    }
  }
}
