package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Crc32c.PieceChecksum;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.system.OnFailure;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.zip.CRC32C;

/**
 * Writes a shard with the header and layout of another one, in any order and from several threads.
 * Each byte of each tensor must be written exactly once: {@link #close()} throws if one is missing,
 * so that a hole is never taken for weights. Every method that writes throws an {@link
 * OutputException} if the file can't be written.
 */
public final class ShardWriter implements AutoCloseable {
  /** Few enough bytes that they are in the cache from their checksum to their write. */
  private static final long CHUNK = 1 << 20;

  /**
   * How many bytes the page cache takes before they are sent to the device. Left to itself, the
   * system would wait longer.
   */
  private static final long HELD = 256L << 20;

  private final Path path;
  private final SafetensorsFile layout;
  private final FileChannel channel;
  private final Map<TensorInfo, Written> tensors = new HashMap<>();

  /** Takes all but the header past the page cache; null if that goes through the page cache too. */
  private BlockWriter blocks;

  private final AtomicLong held = new AtomicLong();
  private Runnable onHeld = () -> {};
  private volatile boolean failed;

  /**
   * How much of a tensor was written.
   *
   * @param missing bytes that are still to come
   * @param checksum of the pieces that came
   */
  private record Written(AtomicLong missing, PieceChecksum checksum) {}

  private ShardWriter(Path path, SafetensorsFile layout, FileChannel channel) {
    this.path = path;
    this.layout = layout;
    this.channel = channel;
    for (TensorInfo info : layout.tensors()) {
      tensors.put(info, new Written(new AtomicLong(info.bytes()), new PieceChecksum()));
    }
  }

  /**
   * Starts a new shard, in place of whatever is there, and writes its header. It gets the modes of
   * the layout's file, see {@link FileModes}.
   *
   * @param path the shard to write
   * @param layout the file whose header it gets, and whose tensors it is to have
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link or has a second name
   */
  public static ShardWriter create(Path path, SafetensorsFile layout, DirectIo io) {
    return create(path, layout, layout.path(), io);
  }

  /**
   * Starts a new shard as {@link #create(Path, SafetensorsFile, DirectIo)} does, for a layout whose
   * own file isn't there.
   *
   * @param like the file whose modes it gets
   * @throws OutputException if it can't be written, is a link or has a second name
   */
  public static ShardWriter create(Path path, SafetensorsFile layout, Path like, DirectIo io) {
    requireOwn(path, layout);
    FileChannel channel =
        open(
            path,
            FileModes.like(like),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardWriter writer = new ShardWriter(path, layout, channel);
    byte[] header = layout.headerBytes();
    writer.begin(io, () -> writer.put(MemorySegment.ofArray(header), 0), info -> false);
    return writer;
  }

  /**
   * Resumes a shard that an earlier run has left. Bytes behind its end are cut off.
   *
   * @param path the shard to write
   * @param layout the file whose header it has
   * @param isWritten which tensors are complete in it and are kept
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link or has a second name, has another
   *     header, or ends before a tensor that is said to be complete
   */
  public static ShardWriter resume(
      Path path, SafetensorsFile layout, Predicate<TensorInfo> isWritten, DirectIo io) {
    requireOwn(path, layout);
    return reopened(path, layout, isWritten, io);
  }

  /**
   * Opens the model's own shard, to write over some of its tensors.
   *
   * @param shard gives both the path and the layout
   * @param isWritten which tensors are kept; all others must be written
   * @param io how it is written
   * @throws OutputException if it can't be written, is a link, or has another header by now
   */
  public static ShardWriter inPlace(
      SafetensorsFile shard, Predicate<TensorInfo> isWritten, DirectIo io) {
    return reopened(shard.path(), shard, isWritten, io);
  }

  private static ShardWriter reopened(
      Path path, SafetensorsFile layout, Predicate<TensorInfo> isWritten, DirectIo io) {
    FileChannel channel =
        open(
            path,
            new FileAttribute<?>[0],
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardWriter writer = new ShardWriter(path, layout, channel);
    writer.begin(io, writer::checkHeader, isWritten);
    return writer;
  }

  private void begin(DirectIo io, OutputException.Work first, Predicate<TensorInfo> isWritten) {
    OnFailure.run(
        this::abandon,
        () -> {
          OutputException.writing(path, first);
          blocks = io.writer(path, channel, layout.byteSize()).orElse(null);
          OutputException.writing(path, () -> keep(isWritten));
        });
  }

  /** Refuses a link or a second name: a write would change a file that isn't the output's. */
  private static void requireOwn(Path path, SafetensorsFile layout) {
    String found = null;
    if (Files.isSymbolicLink(path)) {
      found = "a link";
    } else if (Files.exists(path) && FileIdentity.of(path).equals(FileIdentity.of(layout.path()))) {
      found = "the model's";
    } else if (Files.isRegularFile(path) && FileIdentity.names(path) > 1) {
      found = "one with a second name (hard link)";
    }
    if (found != null) {
      throw ErrorDetails.file(path).unwritable("another file than the model's own", found);
    }
  }

  private static FileChannel open(Path path, FileAttribute<?>[] attributes, OpenOption... options) {
    try {
      return FileChannel.open(path, Set.of(options), attributes);
    } catch (IOException e) {
      throw OutputException.unwritable(path, e);
    }
  }

  private void checkHeader() throws IOException {
    if (!WrittenShard.hasHeader(channel, layout)) {
      throw ErrorDetails.file(path)
          .unwritable("the header of " + Printable.of(layout.path()), "another");
    }
    if (channel.size() > layout.byteSize()) {
      channel.truncate(layout.byteSize());
    }
  }

  private void keep(Predicate<TensorInfo> isWritten) throws IOException {
    long length = channel.size();
    for (TensorInfo info : layout.tensors()) {
      if (!isWritten.test(info)) {
        continue;
      }
      if (layout.dataOffset() + info.end() > length) {
        throw ErrorDetails.tensor(path, info.name())
            .unwritable(
                "its data up to byte %d".formatted(layout.dataOffset() + info.end()),
                length + " bytes");
      }
      tensor(info).missing().set(0);
    }
  }

  /**
   * Writes a piece of a tensor. Whether that worked may show in a later call, {@link #force} or
   * {@link #close} at the latest.
   *
   * @param info the tensor, one of the layout's
   * @param offset of the piece in the tensor, in bytes
   * @param bytes the piece, free for other use after the call; memory that is not mapped from a
   *     file
   * @throws OutputException if it, or a piece before it, can't be written
   * @throws IllegalArgumentException if the layout has no such tensor, or the piece isn't inside it
   * @throws IllegalStateException if more bytes of the tensor were written than it has
   */
  public void write(TensorInfo info, long offset, MemorySegment bytes) {
    Written tensor = tensor(info);
    long length = bytes.byteSize();
    if (offset < 0 || offset > info.bytes() - length) {
      throw new IllegalArgumentException(
          "%d bytes at %d are outside of %s with %d bytes"
              .formatted(length, offset, info.name(), info.bytes()));
    }
    int crc = put(bytes, layout.dataOffset() + info.begin() + offset);
    tensor.checksum().add(offset, length, crc);
    if (tensor.missing().addAndGet(-length) < 0) {
      failed = true;
      throw new IllegalStateException(info.name() + " was written more than once");
    }
    long all = held.addAndGet(length);
    if (blocks == null && all / HELD != (all - length) / HELD) {
      onHeld.run();
    }
  }

  /**
   * Has something called whenever the page cache was given 256 MiB more. It isn't where the shard
   * is written past the page cache.
   *
   * @param action called from the threads that write
   */
  public void whenMuchIsHeld(Runnable action) {
    onHeld = action;
  }

  /** Writes bytes, and returns their CRC-32C, which is computed while they are in the cache. */
  private int put(MemorySegment bytes, long position) {
    CRC32C crc = new CRC32C();
    run(
        () -> {
          for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
            MemorySegment part = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at));
            crc.update(part.asByteBuffer());
            if (blocks == null) {
              FilePieces.write(channel, position + at, part);
            } else {
              blocks.write(part, position + at);
            }
          }
        });
    return (int) crc.getValue();
  }

  private Written tensor(TensorInfo info) {
    Written tensor = tensors.get(info);
    if (tensor == null) {
      throw new IllegalArgumentException(info.name() + " is not in " + layout.path());
    }
    return tensor;
  }

  /**
   * Returns the CRC-32C of a tensor that this writer has written whole.
   *
   * @throws IllegalArgumentException if the layout has no such tensor
   * @throws IllegalStateException if it isn't written whole
   */
  public int checksum(TensorInfo info) {
    return tensor(info).checksum().whole(info.bytes());
  }

  /** Returns whether every byte of every tensor is written. */
  public boolean isComplete() {
    return tensors.values().stream().allMatch(tensor -> tensor.missing().get() == 0);
  }

  /**
   * Forces what was written so far to the device. Other threads may write meanwhile.
   *
   * @throws OutputException if that fails
   */
  public void force() {
    flush(0, layout.byteSize());
    run(() -> channel.force(true));
  }

  /**
   * Hands what was written so far of a tensor to the system, so that it is in the file even if this
   * process is killed.
   *
   * @throws OutputException if that fails
   */
  public void settle(TensorInfo info) {
    long start = layout.dataOffset() + info.begin();
    flush(start, start + info.bytes());
  }

  private void flush(long from, long to) {
    if (blocks != null) {
      run(() -> blocks.flush(from, to));
    }
  }

  private void run(OutputException.Work work) {
    try {
      OutputException.writing(path, work);
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
    if (!channel.isOpen()) {
      return;
    }
    long length;
    try (BlockWriter last = blocks;
        channel) {
      if (!failed) {
        flush(0, layout.byteSize());
      }
      length = channel.size();
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
   * @param target its name
   * @param closed called before it gets the name
   * @throws OutputException if that fails, or a byte was never written
   */
  public void publish(Path target, Runnable closed) {
    force();
    close();
    closed.run();
    OutputException.writing(target, () -> AtomicWrite.moveOver(path, target));
  }

  /** Closes the shard as it is, complete or not. */
  public void abandon() {
    failed = true;
    close();
  }

  private void checkComplete(long length) {
    for (TensorInfo info : layout.tensors()) {
      long missing = tensor(info).missing().get();
      if (missing != 0) {
        throw ErrorDetails.tensor(path, info.name())
            .unwritable("%d bytes to be written".formatted(info.bytes()), info.bytes() - missing);
      }
    }
    if (length != layout.byteSize()) {
      throw ErrorDetails.file(path).unwritable("%d bytes".formatted(layout.byteSize()), length);
    }
  }
}
