package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The samples' hidden states between two blocks, in two files of the unfinished output that are
 * written in turn, so that one of them is complete at every moment.
 */
final class StateFiles implements AutoCloseable {
  private static final int FILES = 2;
  private static final long CHUNK = 8 << 20;

  private final OutputDirectory output;
  private final BackgroundWork background;
  private final OutputShards shards;
  private final SaveTimes times;

  /** The number of the background's latest task; 0 before that. */
  private long saving;

  private boolean closed;

  /**
   * Creates the files' writer.
   *
   * @param shards the output's shards, which are forced to the device before the states, so that
   *     after a power failure the earlier blocks are complete too; their background thread writes
   *     the states
   * @param times says after which blocks states are saved
   */
  public StateFiles(OutputDirectory output, OutputShards shards, SaveTimes times) {
    this.times = times;
    this.output = output;
    this.background = shards.background();
    this.shards = shards;
    for (int file = 0; file < FILES; file++) {
      output.file(Path.of(name(file)));
    }
  }

  private static String name(int block) {
    return AtomicWrite.OWN + ".states-" + fileOf(block);
  }

  /**
   * Saves the states that a block will read, in the background, if it is time to. They must not
   * change until {@link #await} returns.
   *
   * @param states has them copied to host memory, which is only done if they are saved
   */
  public void save(int block, Supplier<MemorySegment> states) {
    if (times.isTime(block)) {
      MemorySegment now = states.get();
      saving = background.submit(() -> write(block, now));
    }
  }

  /** Waits until the states are saved. */
  public void await() {
    background.await(saving);
  }

  private void write(int block, MemorySegment states) {
    if (isClosed()) {
      return;
    }
    shards.force();
    Path file = output.path().resolve(name(block));
    Crc32c crc = new Crc32c();
    output.remove(file);
    try (FileChannel channel =
        FileChannel.open(
            file,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            FileModes.ownerOnly())) {
      for (long at = 0; at < states.byteSize(); at += CHUNK) {
        if (!write(channel, states, at, crc)) {
          return;
        }
      }
      channel.force(true);
    } catch (IOException e) {
      throw unusable(file, "written", e);
    }
    Journal journal = output.journal();
    journal.append(RunRecords.states(block, crc.value()));
    journal.force();
  }

  /**
   * Writes a chunk, unless {@link #close} was called, after which the states' memory may be freed.
   */
  private synchronized boolean write(FileChannel channel, MemorySegment states, long at, Crc32c crc)
      throws IOException {
    if (closed) {
      return false;
    }
    ByteBuffer chunk = chunk(states, at);
    crc.add(chunk);
    while (chunk.hasRemaining()) {
      channel.write(chunk);
    }
    return true;
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /** Stops the use of the states' memory, even if they aren't saved. */
  @Override
  public synchronized void close() {
    closed = true;
  }

  private static ByteBuffer chunk(MemorySegment states, long at) {
    return states.asSlice(at, Math.min(CHUNK, states.byteSize() - at)).asByteBuffer();
  }

  /**
   * Reads the states that a block will read into {@code states}.
   *
   * @throws OutputException if they can't be read
   */
  public void load(int block, MemorySegment states) {
    Path file = output.path().resolve(name(block));
    try (FileChannel channel = FileChannel.open(file, LinkOption.NOFOLLOW_LINKS)) {
      for (long at = 0; at < states.byteSize(); at += CHUNK) {
        ByteBuffer chunk = chunk(states, at);
        while (chunk.hasRemaining()) {
          if (channel.read(chunk) < 0) {
            throw new IOException("it has become shorter");
          }
        }
      }
    } catch (IOException e) {
      throw unusable(file, "read", e);
    }
  }

  /**
   * Returns whether the states of a record are there and complete.
   *
   * @param bytes their length
   */
  public static boolean holds(Path directory, RunRecords.States record, long bytes) {
    Path file = directory.resolve(name(record.block()));
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    Crc32c crc = new Crc32c();
    ByteBuffer chunk = ByteBuffer.allocateDirect((int) CHUNK);
    try (FileChannel channel = FileChannel.open(file, LinkOption.NOFOLLOW_LINKS)) {
      if (channel.size() != bytes) {
        return false;
      }
      while (channel.read(chunk.clear()) >= 0) {
        crc.add(chunk.flip());
      }
      return crc.value() == record.checksum();
    } catch (IOException e) {
      throw unusable(file, "read", e);
    }
  }

  /** Returns the number of the file that holds a block's states. */
  public static int fileOf(int block) {
    return Math.floorMod(block, FILES);
  }

  /** Removes the files of an output. */
  public static void remove(OutputDirectory output) {
    for (int file = 0; file < FILES; file++) {
      output.remove(output.path().resolve(name(file)));
    }
  }

  private static OutputException unusable(Path file, String what, IOException e) {
    RealCause.throwIfBehind(e);
    return new OutputException(
        ErrorDetails.file(file).said("can't be %s: %s".formatted(what, Reason.of(e))), e);
  }
}
