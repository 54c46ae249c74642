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
 * to be sent. It has its name only once it is complete. Safe for use by several threads.
 */
public final class SharedFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;

  /** Whether closing the file deletes it. */
  private boolean unfinished;

  private SharedFile(Path path, FileChannel channel, boolean unfinished) {
    this.path = path;
    this.channel = channel;
    this.unfinished = unfinished;
  }

  /**
   * Begins a file, which only its owner may read.
   *
   * @param temporary a name that no other attempt has, until the file is {@link #publish published}
   * @throws OutputException if it can't be made
   */
  public static SharedFile create(Path temporary) {
    try {
      return new SharedFile(temporary, FileModes.create(temporary), true);
    } catch (IOException e) {
      throw OutputException.unwritable(temporary, e);
    }
  }

  /**
   * Writes a file of parts, one behind the other, and their checksums at the end, and gives it its
   * name once all is on the device.
   *
   * @param temporary a name that no other attempt has
   * @param parts native, or arrays of bytes
   * @throws OutputException if it can't be written
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
   * Fills memory from a file that {@link #write(Path, Path, MemorySegment...)} has written.
   *
   * @param expected what the file is, for the message when it has changed
   * @param parts as long as those that were written
   * @throws OutputException if it can't be read, is shorter, or doesn't have the checksums of its
   *     parts
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

  /**
   * Opens a published file to read it.
   *
   * @throws OutputException if it isn't there or can't be read
   */
  public static SharedFile open(Path file) {
    try {
      return new SharedFile(file, FileChannel.open(file, StandardOpenOption.READ), false);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Writes memory.
   *
   * @param at where it begins in the file, in bytes
   * @param bytes native, or an array of bytes
   * @throws OutputException if it can't be written
   */
  public void write(long at, MemorySegment bytes) {
    OutputException.writing(path, () -> FilePieces.write(channel, at, bytes));
  }

  /**
   * Fills memory.
   *
   * @param at where to begin in the file, in bytes
   * @throws OutputException if the file can't be read, or ends before that
   */
  public void read(long at, MemorySegment into) {
    OutputException.writing(
        path,
        () -> {
          if (!FilePieces.read(channel, at, into)) {
            throw new EOFException("it ends too early");
          }
        });
  }

  /**
   * Forces what was written to the device, where it outlasts a power failure.
   *
   * @throws OutputException if that fails
   */
  public void force() {
    OutputException.writing(path, () -> channel.force(true));
  }

  /**
   * Closes the file and gives it its name; whatever had it is replaced.
   *
   * @param file the name, in the same folder or at least file system
   * @throws OutputException if that fails
   */
  public void publish(Path file) {
    OutputException.writing(
        file,
        () -> {
          channel.close();
          AtomicWrite.moveOver(path, file);
          unfinished = false;
        });
  }

  /** Closes the file, and deletes it if it was begun and not published. */
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
