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
 * Files that a calibrated run on a cluster keeps in its unfinished output, so that it can be
 * resumed: each block's norms, and from time to time the hidden states that a block has read.
 * States are a file for each batch, which the process that has the batch writes.
 */
public final class SavedBlocks {
  private static final int NONE = -1;

  private final OutputDirectory output;
  private final Duration every;
  private final List<SampleBatch> batches;
  private final long tokenBytes;
  private final boolean resumed;
  private long last = System.nanoTime();

  /**
   * The block whose saved states this run has begun with. They are kept, since a batch that is lost
   * with a process begins there again.
   */
  private int begun = NONE;

  private int latest = NONE;

  /**
   * Prepares the files.
   *
   * @param every how much time passes until states are saved again
   * @param batches of the run's samples
   * @param hiddenSize features of a token's hidden state
   */
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

  /**
   * Returns the file of the states that a block reads of a batch.
   *
   * @param output the unfinished output
   */
  public static Path states(Path output, int block, int batch) {
    return output.resolve("%s.batch-%d-%d".formatted(AtomicWrite.OWN, block, batch));
  }

  /**
   * Returns the norms that an interrupted run has left, by block and by module. Blocks are those
   * from 0 on without a gap.
   */
  public Map<Integer, Map<String, float[]>> norms() {
    Map<Integer, Map<String, float[]>> norms = new TreeMap<>();
    while (resumed && Files.isRegularFile(norms(norms.size()))) {
      norms.put(norms.size(), Statistics.read(norms(norms.size())).norms());
    }
    return norms;
  }

  /**
   * Finds where samples have to begin.
   *
   * @param blocks how many blocks have their norms already
   * @return the block behind the last one of these whose states are all there; 0 if none has states
   */
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

  /**
   * Returns whether the states that a block reads are to be saved: enough time has passed since
   * states were saved last, and the disk has room. Registers their files then.
   */
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
   * Saves a block's norms once it is pruned.
   *
   * @param norms of the block's modules
   * @param saved whether the states that the block has read were saved, so that older ones can be
   *     removed, except those with which this run began
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

  /** Removes all of these files. */
  public void remove() {
    for (int block = 0; Files.exists(norms(block)); block++) {
      OutputDirectory.removeFile(norms(block));
      remove(block);
    }
  }
}
