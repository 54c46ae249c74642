package io.github.wandacuda.job.record;

import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.prune.MaskSink;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;

/**
 * The packed masks of a shard's modules in a file of an unfinished output, one after the other. The
 * processes of a cluster write them, and the run digests them in the order of all modules: so
 * masks, which are a sixteenth of a model, go by the disk that all share and through nobody's
 * memory. Safe for use by several threads.
 */
public final class ShardMasks implements MaskSink, AutoCloseable {
  private static final int CHUNK = 1 << 20;
  private static final String SUFFIX = ".masks";

  private final Path temporary;
  private final List<LinearModule> modules;
  private final FileChannel channel;

  private ShardMasks(Path temporary, List<LinearModule> modules, FileChannel channel) {
    this.temporary = temporary;
    this.modules = modules;
    this.channel = channel;
  }

  /**
   * Begins a file.
   *
   * @param temporary its name until it is {@link #publish published}
   * @param modules the shard's modules, whose places in this list are their masks' indices
   * @throws OutputException if it can't be made
   */
  public static ShardMasks create(Path temporary, List<LinearModule> modules) {
    try {
      return new ShardMasks(
          temporary,
          modules,
          FileChannel.open(
              temporary,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              FileModes.ownerOnly()));
    } catch (IOException e) {
      throw OutputException.unwritable(temporary, e);
    }
  }

  /** Returns the name of a shard's file in an output directory. */
  public static Path file(Path output, String shard) {
    return AtomicWrite.temporary(output.resolve(shard + SUFFIX));
  }

  @Override
  public void add(int index, MemorySegment mask) {
    long at = offset(modules, index);
    try {
      for (long done = 0; done < mask.byteSize(); done += CHUNK) {
        long bytes = Math.min(CHUNK, mask.byteSize() - done);
        ByteBuffer chunk = mask.asSlice(done, bytes).asByteBuffer();
        while (chunk.hasRemaining()) {
          channel.write(chunk, at + done + chunk.position());
        }
      }
    } catch (IOException e) {
      throw OutputException.unwritable(temporary, e);
    }
  }

  /** Gives the file, with all masks in it, its name. */
  public void publish(Path file) {
    try {
      channel.force(true);
      channel.close();
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Removes the file, unless it was published. */
  @Override
  public void close() {
    try {
      channel.close();
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      throw OutputException.unwritable(temporary, e);
    }
  }

  /**
   * Reads a module's mask.
   *
   * @param modules the shard's modules, as they were when the file was written
   * @param into memory of the mask's size
   * @throws OutputException if it can't be read
   */
  public static void read(Path file, List<LinearModule> modules, int index, MemorySegment into) {
    long at = offset(modules, index);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      for (long done = 0; done < into.byteSize(); done += CHUNK) {
        long bytes = Math.min(CHUNK, into.byteSize() - done);
        ByteBuffer chunk = into.asSlice(done, bytes).asByteBuffer();
        while (chunk.hasRemaining()) {
          if (channel.read(chunk, at + done + chunk.position()) < 0) {
            throw new EOFException("it ends before its masks do");
          }
        }
      }
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Returns whether a file has the size of the modules' masks, as it has after a power failure only
   * if they had reached the device.
   */
  public static boolean isWhole(Path file, List<LinearModule> modules) {
    try {
      return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
          && Files.size(file) == offset(modules, modules.size());
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  private static long offset(List<LinearModule> modules, int index) {
    return modules.subList(0, index).stream().mapToLong(LinearModule::maskBytes).sum();
  }
}
