package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.io.FileModes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Predicate;

/**
 * Writes a shard with the header and layout of another one, in any order and from several threads.
 * Each byte of each tensor must be written exactly once: {@link #close()} throws if one is missing,
 * so that a hole is never taken for weights.
 */
public final class ShardWriter implements AutoCloseable {
  private final Path path;
  private final SafetensorsFile layout;
  private final ShardFile file;
  private final Map<TensorInfo, Integer> indexOf = new HashMap<>();
  private final AtomicLongArray missing;
  private final PieceChecksum[] checksums;
  private volatile boolean failed;

  private ShardWriter(Path path, SafetensorsFile layout, ShardFile file) {
    this.path = path;
    this.layout = layout;
    this.file = file;
    List<TensorInfo> tensors = layout.tensors();
    this.missing = new AtomicLongArray(tensors.size());
    this.checksums = new PieceChecksum[tensors.size()];
    for (int i = 0; i < tensors.size(); i++) {
      indexOf.put(tensors.get(i), i);
      missing.set(i, tensors.get(i).bytes());
      checksums[i] = new PieceChecksum();
    }
  }

  /**
   * Starts a new shard, in place of whatever is there, and writes its header. It gets the modes of
   * the layout's file, see {@link FileModes}.
   *
   * @param path the shard to write
   * @param layout the shard whose header it gets
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link or has a second name
   */
  public static ShardWriter create(Path path, SafetensorsFile layout, DirectIo io) {
    return new ShardWriter(path, layout, ShardFile.create(path, layout, io));
  }

  /**
   * Resumes a shard that an earlier run has left. Bytes behind its end are cut off.
   *
   * @param path the shard to write
   * @param layout the shard whose header it has
   * @param isWritten which tensors are complete in it and are kept
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link or has a second name, has another
   *     header, or ends before a tensor that is said to be complete
   */
  public static ShardWriter resume(
      Path path, SafetensorsFile layout, Predicate<TensorInfo> isWritten, DirectIo io) {
    return keeping(path, layout, ShardFile.resume(path, layout, io), isWritten);
  }

  /**
   * Opens the model's own shard, to write over some of its tensors.
   *
   * @param shard the shard to write
   * @param isWritten which tensors are kept
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link, or has another header by now
   */
  public static ShardWriter inPlace(
      SafetensorsFile shard, Predicate<TensorInfo> isWritten, DirectIo io) {
    return keeping(shard.path(), shard, ShardFile.inPlace(shard, io), isWritten);
  }

  private static ShardWriter keeping(
      Path path, SafetensorsFile layout, ShardFile file, Predicate<TensorInfo> isWritten) {
    ShardWriter writer = new ShardWriter(path, layout, file);
    try {
      writer.keep(isWritten);
      return writer;
    } catch (IOException e) {
      writer.abandon();
      throw OutputException.unwritable(path, e);
    } catch (RuntimeException | Error e) {
      writer.abandon();
      throw e;
    }
  }

  private void keep(Predicate<TensorInfo> isWritten) throws IOException {
    long length = file.length();
    for (TensorInfo info : layout.tensors()) {
      if (!isWritten.test(info)) {
        continue;
      }
      if (layout.dataOffset() + info.end() > length) {
        throw new OutputException(
            ErrorDetails.file(path)
                .tensor(info.name())
                .expected(
                    "its data up to byte %d".formatted(layout.dataOffset() + info.end()),
                    length + " bytes"));
      }
      missing.set(index(info), 0);
    }
  }

  /**
   * Writes a piece of a tensor. Whether that worked may show in a later call, {@link #force} or
   * {@link #close} at the latest.
   *
   * @param info the tensor, one of the layout's
   * @param offset offset of the piece in the tensor, in bytes
   * @param bytes the piece; memory that is not mapped from a file
   * @throws OutputException if it can't be written
   */
  public void write(TensorInfo info, long offset, MemorySegment bytes) {
    int index = index(info);
    long length = bytes.byteSize();
    if (offset < 0 || offset > info.bytes() - length) {
      throw new IllegalArgumentException(
          "%d bytes at %d are outside of %s with %d bytes"
              .formatted(length, offset, info.name(), info.bytes()));
    }
    int crc = write(bytes, layout.dataOffset() + info.begin() + offset);
    checksums[index].add(offset, length, crc);
    if (missing.addAndGet(index, -length) < 0) {
      failed = true;
      throw new IllegalStateException(info.name() + " was written more than once");
    }
  }

  private int write(MemorySegment bytes, long position) {
    try {
      return file.write(bytes, position);
    } catch (OutputException e) {
      failed = true;
      throw e;
    }
  }

  private int index(TensorInfo info) {
    Integer index = indexOf.get(info);
    if (index == null) {
      throw new IllegalArgumentException(info.name() + " is not in " + layout.path());
    }
    return index;
  }

  /**
   * Returns the CRC-32C of a tensor that this writer has written whole.
   *
   * @throws IllegalStateException if it hasn't
   */
  public int checksum(TensorInfo info) {
    return checksums[index(info)].whole(info.bytes());
  }

  /** Returns whether every byte of every tensor is written. */
  public boolean isComplete() {
    for (int i = 0; i < missing.length(); i++) {
      if (missing.get(i) != 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Forces what was written so far to the device. Other threads may write meanwhile.
   *
   * @throws OutputException if that fails
   */
  public void force() {
    run(file::force);
  }

  /**
   * Hands what was written so far of a tensor to the system, so that it is in the file even if this
   * process is killed.
   *
   * @throws OutputException if that fails
   */
  public void settle(TensorInfo info) {
    long start = layout.dataOffset() + info.begin();
    run(() -> file.flush(start, start + info.bytes()));
  }

  private void run(Runnable work) {
    try {
      work.run();
    } catch (OutputException e) {
      failed = true;
      throw e;
    }
  }

  /**
   * Closes the shard and checks that it is complete.
   *
   * @throws OutputException if a byte of it was never written, unless a write has failed and said
   *     so already
   */
  @Override
  public void close() {
    if (!file.isOpen()) {
      return;
    }
    long length;
    try (file) {
      if (!failed) {
        file.flush();
      }
      length = file.length();
    } catch (IOException e) {
      throw OutputException.unwritable(path, e);
    }
    if (!failed) {
      checkComplete(length);
    }
  }

  /**
   * Forces a complete shard to the device, closes it and gives it its name; whatever had that is
   * replaced.
   *
   * @param closed called before it gets the name
   * @throws OutputException if that fails, or a byte was never written
   */
  public void publish(Path target, Runnable closed) {
    force();
    close();
    closed.run();
    try {
      AtomicWrite.moveOver(path, target);
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    }
  }

  /** Closes the shard as it is, complete or not. */
  public void abandon() {
    failed = true;
    close();
  }

  private void checkComplete(long length) {
    List<TensorInfo> tensors = layout.tensors();
    for (int i = 0; i < tensors.size(); i++) {
      if (missing.get(i) != 0) {
        throw new OutputException(
            ErrorDetails.file(path)
                .tensor(tensors.get(i).name())
                .expected(
                    "%d bytes to be written".formatted(tensors.get(i).bytes()),
                    String.valueOf(tensors.get(i).bytes() - missing.get(i))));
      }
    }
    if (length != layout.byteSize()) {
      throw wrongLength(length);
    }
  }

  private OutputException wrongLength(long found) {
    return new OutputException(
        ErrorDetails.file(path)
            .expected("%d bytes".formatted(layout.byteSize()), String.valueOf(found)));
  }
}
