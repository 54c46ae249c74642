package io.github.wandacuda.io.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Predicate;

/**
 * Writes a shard that has another one's header and layout, in any order and from several threads.
 * Each byte of each tensor has to be written exactly once: {@link #close()} throws if one is
 * missing, so that a hole never passes for weights.
 */
public final class ShardWriter implements AutoCloseable {
  /** Bounds what the JDK allocates off the heap for a write from the heap. */
  private static final long CHUNK = 1 << 20;

  private final Path path;
  private final SafetensorsFile layout;
  private final FileChannel channel;
  private final Map<TensorInfo, Integer> indexOf = new HashMap<>();
  private final AtomicLongArray missing;
  private final PieceChecksum[] checksums;
  private volatile boolean failed;

  private ShardWriter(Path path, SafetensorsFile layout, FileChannel channel) {
    this.path = path;
    this.layout = layout;
    this.channel = channel;
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
   * Starts a new shard, in place of whatever is there, and writes its header. Who may read the
   * source's may read it, see {@link FileModes}.
   *
   * @param path the shard to write
   * @param layout the shard whose header it gets
   * @throws OutputException if it can't be written, is a link or has a second name
   */
  public static ShardWriter create(Path path, SafetensorsFile layout) {
    requireOwn(path, layout);
    FileChannel channel =
        open(
            path,
            FileModes.like(layout.path()),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardWriter writer = new ShardWriter(path, layout, channel);
    try {
      writer.writeFully(MemorySegment.ofArray(layout.headerBytes()), 0);
      return writer;
    } catch (RuntimeException | Error e) {
      writer.close();
      throw e;
    }
  }

  /**
   * Goes on with a shard that an earlier run left. What it is too long by is cut off.
   *
   * @param path the shard to write
   * @param layout the shard whose header it has
   * @param isWritten which tensors are complete in it and stay as they are
   * @throws OutputException if it can't be written, is a link or has a second name, has another
   *     header, or ends before a tensor that is said to be complete
   */
  public static ShardWriter resume(
      Path path, SafetensorsFile layout, Predicate<TensorInfo> isWritten) {
    requireOwn(path, layout);
    return goOn(path, layout, isWritten);
  }

  /**
   * Goes on with the model's own shard.
   *
   * @param shard the shard to write
   * @param isWritten which tensors stay as they are
   * @throws OutputException if it can't be written, is a link, or has become another
   */
  public static ShardWriter inPlace(SafetensorsFile shard, Predicate<TensorInfo> isWritten) {
    return goOn(shard.path(), shard, isWritten);
  }

  private static ShardWriter goOn(
      Path path, SafetensorsFile layout, Predicate<TensorInfo> isWritten) {
    FileChannel channel =
        open(
            path,
            new FileAttribute<?>[0],
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardWriter writer = new ShardWriter(path, layout, channel);
    try {
      writer.checkHeader();
      writer.keep(isWritten);
      return writer;
    } catch (IOException e) {
      writer.abandon();
      throw writer.unwritable(e);
    } catch (RuntimeException | Error e) {
      writer.abandon();
      throw e;
    }
  }

  /** Nothing is written through another name: what it stands for isn't the output's. */
  private static void requireOwn(Path path, SafetensorsFile layout) {
    String found = null;
    if (Files.isSymbolicLink(path)) {
      found = "a link";
    } else if (FileIdentity.of(path).equals(FileIdentity.of(layout.path()))) {
      found = "the model's";
    } else if (Files.isRegularFile(path) && FileIdentity.names(path) > 1) {
      found = "one with a second name (hard link)";
    }
    if (found != null) {
      throw new OutputException(
          ErrorDetails.file(path).expected("another file than the model's own", found));
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
    byte[] expected = layout.headerBytes();
    ByteBuffer found = ByteBuffer.allocate(expected.length);
    int read;
    do {
      read = channel.read(found, found.position());
    } while (read > 0);
    if (found.hasRemaining() || !Arrays.equals(expected, found.array())) {
      throw new OutputException(
          ErrorDetails.file(path)
              .expected("the header of " + Printable.of(layout.path()), "another"));
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
   * Writes a piece of a tensor.
   *
   * @param info the tensor, one of the layout's
   * @param offset where the piece belongs in the tensor, in bytes
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
    int crc = writeFully(bytes, layout.dataOffset() + info.begin() + offset);
    checksums[index].add(offset, length, crc);
    if (missing.addAndGet(index, -length) < 0) {
      failed = true;
      throw new IllegalStateException(info.name() + " was written more than once");
    }
  }

  /**
   * Writes a piece of a tensor as it is in {@code source}.
   *
   * @param source a file with the same layout
   * @param offset where the piece starts in the tensor, in bytes
   * @param piece memory for the piece, as long as it
   * @throws InputException if the source has become shorter
   * @throws OutputException if it can't be written
   */
  public void copy(SafetensorsFile source, TensorInfo info, long offset, MemorySegment piece) {
    source.read(info, offset, piece);
    write(info, offset, piece);
  }

  private int index(TensorInfo info) {
    Integer index = indexOf.get(info);
    if (index == null) {
      throw new IllegalArgumentException(info.name() + " is not in " + layout.path());
    }
    return index;
  }

  /** Returns the CRC-32C of the bytes, taken while they are in the cache for being written. */
  private int writeFully(MemorySegment bytes, long position) {
    Crc32c crc = new Crc32c();
    try {
      for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
        ByteBuffer chunk = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at)).asByteBuffer();
        long start = position + at;
        crc.add(chunk);
        while (chunk.hasRemaining()) {
          writeSome(chunk, start + chunk.position());
        }
      }
    } catch (IOException e) {
      failed = true;
      throw unwritable(e);
    }
    return crc.value();
  }

  private void writeSome(ByteBuffer chunk, long position) throws IOException {
    if (channel.write(chunk, position) <= 0) {
      throw new IOException(
          "the system took none of the %d bytes left".formatted(chunk.remaining()));
    }
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
   * Forces what was written so far to the device. May go on beside writes.
   *
   * @throws OutputException if that fails
   */
  public void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /**
   * Ends the shard.
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
    try (channel) {
      length = channel.size();
    } catch (IOException e) {
      throw unwritable(e);
    }
    if (!failed) {
      checkComplete(length);
    }
  }

  /** Lets go of the shard as it is, complete or not. */
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

  private OutputException unwritable(IOException e) {
    return OutputException.unwritable(path, e);
  }
}
