package io.github.wandacuda.job;

import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.MaskSink;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;

/**
 * The packed masks of a shard's modules in a file of an unfinished output, one after the other. The
 * processes of a cluster write them, and the run digests them in the order of all modules: so
 * masks, which are a sixteenth of a model, go by the disk that all share and through nobody's
 * memory. Safe for use by several threads.
 */
final class ShardMasks implements MaskSink, AutoCloseable {
  private static final String SUFFIX = ".masks";

  private final List<LinearModule> modules;
  private final SharedFile file;

  private ShardMasks(List<LinearModule> modules, SharedFile file) {
    this.modules = modules;
    this.file = file;
  }

  /**
   * Begins a file.
   *
   * @param temporary its name until it is {@link #publish published}
   * @param modules the shard's modules, whose places in this list are their masks' indices
   * @throws OutputException if it can't be made
   */
  public static ShardMasks create(Path temporary, List<LinearModule> modules) {
    return new ShardMasks(modules, SharedFile.create(temporary));
  }

  /** Returns the name of a shard's file in an output directory. */
  public static Path file(Path output, String shard) {
    return AtomicWrite.temporary(output.resolve(shard + SUFFIX));
  }

  @Override
  public void add(int index, MemorySegment mask) {
    file.write(offset(modules, index), mask);
  }

  /** Gives the file, with all masks in it, its name. */
  public void publish(Path name) {
    file.force();
    file.publish(name);
  }

  /** Removes the file, unless it was published. */
  @Override
  public void close() {
    file.close();
  }

  /**
   * Reads a module's mask.
   *
   * @param modules the shard's modules, as they were when the file was written
   * @param into memory of the mask's size
   * @throws OutputException if it can't be read
   */
  public static void read(Path file, List<LinearModule> modules, int index, MemorySegment into) {
    try (SharedFile masks = SharedFile.open(file)) {
      masks.read(offset(modules, index), into);
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
