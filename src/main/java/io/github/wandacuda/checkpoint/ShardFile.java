package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.BlockWriter;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.DirectIo;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
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
import java.util.Set;

/**
 * A shard's file that is open for writing: it begins with the header of another shard and has that
 * one's layout. Safe for use by several threads.
 */
final class ShardFile implements AutoCloseable {
  /** Few enough bytes that they are in the cache from their checksum to their write. */
  private static final long CHUNK = 1 << 20;

  private final Path path;
  private final SafetensorsFile layout;
  private final FileChannel channel;

  /** Takes all but the header, or null if that goes through the page cache too. */
  private BlockWriter blocks;

  private ShardFile(Path path, SafetensorsFile layout, FileChannel channel) {
    this.path = path;
    this.layout = layout;
    this.channel = channel;
  }

  /** Makes a file, in place of whatever has its name, and writes the header. */
  static ShardFile create(Path path, SafetensorsFile layout, DirectIo io) {
    requireOwn(path, layout);
    FileChannel channel =
        open(
            path,
            FileModes.like(layout.path()),
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardFile file = new ShardFile(path, layout, channel);
    try {
      file.write(MemorySegment.ofArray(layout.headerBytes()), 0);
      return file.through(io);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** Opens a file that an earlier run has left. Bytes behind the layout's end are cut off. */
  static ShardFile resume(Path path, SafetensorsFile layout, DirectIo io) {
    requireOwn(path, layout);
    return reopen(path, layout, io);
  }

  /** Opens the model's own shard. */
  static ShardFile inPlace(SafetensorsFile shard, DirectIo io) {
    return reopen(shard.path(), shard, io);
  }

  private static ShardFile reopen(Path path, SafetensorsFile layout, DirectIo io) {
    FileChannel channel =
        open(
            path,
            new FileAttribute<?>[0],
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    ShardFile file = new ShardFile(path, layout, channel);
    try {
      file.checkHeader();
      return file.through(io);
    } catch (IOException e) {
      file.close();
      throw file.unwritable(e);
    } catch (RuntimeException | Error e) {
      file.close();
      throw e;
    }
  }

  /** Refuses a link or a second name: a write would change a file that isn't the output's. */
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

  private ShardFile through(DirectIo io) {
    blocks = io.writer(path, channel, layout.byteSize()).orElse(null);
    return this;
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

  /**
   * Writes bytes and returns their CRC-32C, which is computed while they are in the cache. They are
   * sure to be in the file after {@link #flush} alone.
   *
   * @throws OutputException if they, or earlier ones, can't be written
   */
  int write(MemorySegment bytes, long position) {
    Crc32c crc = new Crc32c();
    try {
      for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
        MemorySegment part = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at));
        crc.add(part.asByteBuffer());
        writePart(part, position + at);
      }
    } catch (IOException e) {
      throw unwritable(e);
    }
    return crc.value();
  }

  private void writePart(MemorySegment part, long position) throws IOException {
    if (blocks != null) {
      blocks.write(part, position);
      return;
    }
    FilePieces.write(channel, position, part);
  }

  /**
   * Hands what was written so far to the system.
   *
   * @throws OutputException if that fails
   */
  void flush() {
    flush(0, layout.byteSize());
  }

  /**
   * Hands what was written so far of a part of the file to the system, as {@link #flush()} does.
   */
  void flush(long from, long to) {
    try {
      if (blocks != null) {
        blocks.flush(from, to);
      }
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  /** Returns the file's length in bytes. */
  long length() throws IOException {
    return channel.size();
  }

  /**
   * Forces what was written so far to the device. Other threads may write meanwhile.
   *
   * @throws OutputException if that fails
   */
  void force() {
    flush();
    try {
      channel.force(true);
    } catch (IOException e) {
      throw unwritable(e);
    }
  }

  boolean isOpen() {
    return channel.isOpen();
  }

  private OutputException unwritable(IOException e) {
    return OutputException.unwritable(path, e);
  }

  @Override
  public void close() {
    try (BlockWriter last = blocks) {
      channel.close();
    } catch (IOException e) {
      throw unwritable(e);
    }
  }
}
