package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of an unfinished output by which the processes of a run hand each other what is too large
 * to travel. It has its name when it is complete. What can't be written or read is an {@link
 * OutputException}. Safe for use by several threads.
 */
public final class SharedFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;

  /** Whether the file is to go when it is closed. */
  private boolean unfinished;

  private SharedFile(Path path, FileChannel channel, boolean unfinished) {
    this.path = path;
    this.channel = channel;
    this.unfinished = unfinished;
  }

  /**
   * Begins a file.
   *
   * @param temporary a name that no other attempt has, until the file is {@link #publish published}
   */
  public static SharedFile create(Path temporary) {
    try {
      return new SharedFile(temporary, FileModes.create(temporary), true);
    } catch (IOException e) {
      throw OutputException.unwritable(temporary, e);
    }
  }

  /**
   * Writes a file of parts and the checksums of those, and gives it its name once they are on the
   * device.
   */
  public static void write(Path temporary, Path name, MemorySegment... parts) {
    try (SharedFile file = create(temporary)) {
      long at = 0;
      for (MemorySegment part : parts) {
        file.write(at, part);
        at += part.byteSize();
      }
      file.write(at, checksums(parts));
      file.force();
      file.publish(name);
    }
  }

  /**
   * Fills the parts of a file that was written of such ones.
   *
   * @param expected what the file is, for the message when it has changed
   */
  public static void read(Path name, String expected, MemorySegment... parts) {
    try (SharedFile file = open(name)) {
      long at = 0;
      for (MemorySegment part : parts) {
        file.read(at, part);
        at += part.byteSize();
      }
      MemorySegment found = MemorySegment.ofArray(new byte[parts.length * Long.BYTES]);
      file.read(at, found);
      if (found.mismatch(checksums(parts)) >= 0) {
        throw ErrorDetails.file(name).unwritable(expected, "other bytes");
      }
    }
  }

  private static MemorySegment checksums(MemorySegment... parts) {
    ByteBuffer checksums = ByteBuffer.allocate(parts.length * Long.BYTES);
    for (MemorySegment part : parts) {
      checksums.putLong(Crc32c.of(part));
    }
    return MemorySegment.ofBuffer(checksums.flip());
  }

  public static SharedFile open(Path file) {
    try {
      return new SharedFile(file, FileChannel.open(file, StandardOpenOption.READ), false);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  public void write(long at, MemorySegment bytes) {
    OutputException.writing(path, () -> FilePieces.write(channel, at, bytes));
  }

  public void read(long at, MemorySegment into) {
    OutputException.writing(
        path,
        () -> {
          if (!FilePieces.read(channel, at, into)) {
            throw new EOFException("it ends too early");
          }
        });
  }

  /** Forces what was written to the device, where it outlasts a power failure. */
  public void force() {
    OutputException.writing(path, () -> channel.force(true));
  }

  /** Gives the file its name; whatever had it is replaced. */
  public void publish(Path file) {
    OutputException.writing(
        file,
        () -> {
          channel.close();
          AtomicWrite.moveOver(path, file);
          unfinished = false;
        });
  }

  /** Closes the file, and removes it if it was begun and not published. */
  @Override
  public void close() {
    OutputException.writing(
        path,
        () -> {
          channel.close();
          if (unfinished) {
            Files.deleteIfExists(path);
          }
        });
  }
}
