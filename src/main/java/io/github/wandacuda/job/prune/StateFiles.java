package io.github.wandacuda.job.prune;

import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.job.output.BorrowedMemory;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.zip.CRC32C;

/**
 * What a run writes while its blocks are pruned: the pruned weights of a block while samples run
 * through it again and, from time to time, the samples' hidden states between two blocks. States go
 * to two files of the unfinished output in turn, so that one of them is complete at every moment.
 */
final class StateFiles implements BlockPass.Sink {
  private static final int FILES = 2;

  private final OutputDirectory output;
  private final PrunedShards shards;
  private final SaveTimes times;
  private final PhaseClock clock;
  private final BorrowedMemory saving;
  private BorrowedMemory borrowed;

  /**
   * Creates the files' writer.
   *
   * @param shards are forced to the device before the states, so that after a power failure the
   *     earlier blocks are complete, too; their background thread writes the states
   * @param times when states are saved
   */
  StateFiles(OutputDirectory output, PrunedShards shards, SaveTimes times, PhaseClock clock) {
    this.clock = clock;
    this.times = times;
    this.output = output;
    saving = new BorrowedMemory(shards.background());
    this.shards = shards;
    for (int file = 0; file < FILES; file++) {
      output.file(Path.of(name(file)));
    }
  }

  private static String name(int block) {
    return AtomicWrite.OWN + ".states-" + fileOf(block);
  }

  @Override
  public BorrowedMemory begin() {
    borrowed = shards.borrow();
    return borrowed;
  }

  @Override
  public void await() {
    saving.await();
  }

  /** Saves the states if it is time to. Only then are they copied to host memory. */
  @Override
  public void advanced(int next, BlockwiseRun samples) {
    if (times.isTime(next)) {
      MemorySegment now = samples.states();
      saving.use(() -> write(next, now));
    }
  }

  @Override
  public void end(int index, Block block) {
    long start = System.nanoTime();
    borrowed.await();
    clock.addWait(System.nanoTime() - start);
  }

  private void write(int block, MemorySegment states) {
    shards.force();
    Path file = output.path().resolve(name(block));
    CRC32C crc = new CRC32C();
    OutputDirectory.removeFile(file);
    try (FileChannel channel = FileModes.create(file)) {
      boolean whole =
          saving.isWritten(
              states,
              (at, piece) -> {
                crc.update(piece.asByteBuffer());
                FilePieces.write(channel, at, piece);
              });
      if (!whole) {
        return;
      }
      channel.force(true);
    } catch (IOException e) {
      throw unusable(file, "written", e);
    }
    Journal journal = output.journal();
    journal.append(RunRecords.states(block, (int) crc.getValue()));
    journal.force();
  }

  /** Ends the use of the states' memory, even if they aren't saved. */
  @Override
  public void close() {
    saving.close();
  }

  /**
   * Reads the states that an interrupted run has saved.
   *
   * @param block the block that reads them
   * @param states receives them
   */
  public void load(int block, MemorySegment states) {
    Path file = output.path().resolve(name(block));
    try (FileChannel channel = FileChannel.open(file, LinkOption.NOFOLLOW_LINKS)) {
      if (!FilePieces.read(channel, 0, states)) {
        throw new IOException("it has become shorter");
      }
    } catch (IOException e) {
      throw unusable(file, "read", e);
    }
  }

  /**
   * Returns whether the states of a record are there and complete.
   *
   * @param record the journal's
   * @param bytes how long they have to be
   */
  public static boolean holds(Path directory, RunRecords.States record, long bytes) {
    Path file = directory.resolve(name(record.block()));
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    CRC32C crc = new CRC32C();
    try (FileChannel channel = FileChannel.open(file, LinkOption.NOFOLLOW_LINKS)) {
      return channel.size() == bytes
          && FilePieces.forEach(channel, 0, bytes, crc::update)
          && (int) crc.getValue() == record.checksum();
    } catch (IOException e) {
      throw unusable(file, "read", e);
    }
  }

  /** Returns the number of the file that holds a block's states. */
  public static int fileOf(int block) {
    return Math.floorMod(block, FILES);
  }

  private static OutputException unusable(Path file, String what, IOException e) {
    RealCause.throwIfBehind(e);
    return new OutputException(
        ErrorDetails.file(file).said("can't be %s: %s".formatted(what, Printable.reason(e))), e);
  }

  /**
   * When a calibrated run saves its samples' hidden states. They are as large as a block or more,
   * so they aren't saved after every block, but when a certain time has passed, which is the work
   * that a crash may cost. The two files take turns by the block's number; states are saved only
   * into the other file than last time, so the states that were saved last are never overwritten.
   */
  static final class SaveTimes {
    private final Duration every;
    private final LongSupplier nanos;
    private long last;
    private int lastFile;

    /**
     * Starts counting.
     *
     * @param every how much time passes until states are saved again; null to save none
     * @param first the block whose saved states the run began with, which aren't written over; 0 if
     *     it began with none
     */
    SaveTimes(Duration every, int first, LongSupplier nanos) {
      this.every = every;
      this.nanos = nanos;
      last = nanos.getAsLong();
      lastFile = first == 0 ? -1 : fileOf(first);
    }

    /**
     * Returns whether the states that a block will read are to be saved now. If so, the time starts
     * again.
     */
    boolean isTime(int block) {
      long now = nanos.getAsLong();
      if (every == null || now - last < every.toNanos() || fileOf(block) == lastFile) {
        return false;
      }
      last = now;
      lastFile = fileOf(block);
      return true;
    }
  }
}
