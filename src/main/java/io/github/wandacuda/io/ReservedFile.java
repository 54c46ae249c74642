package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file that is written after long work. Its temporary file is made and locked at once, so that a
 * file that can't be written is reported before the work, and two runs don't write the same file.
 * The file itself is replaced in one step when the content is complete. A device or pipe is written
 * to directly.
 *
 * <p>Either {@link #write(AtomicWrite.Content)} writes all of it, or {@link #write(long,
 * MemorySegment)} writes it in parts, and {@link #finish} gives it its name. If it is closed
 * before, nothing is left of it.
 */
public final class ReservedFile implements AutoCloseable {
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private boolean written;

  private ReservedFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /**
   * Reserves a file, and makes its folder if there is none.
   *
   * @return to be closed by the caller, which also releases the file
   * @throws OutputException if it can't be written
   * @throws UsageException if another run has reserved it, or this one reads it
   */
  public static ReservedFile of(Path target) {
    InputFile.refuseRead(target);
    requireWritable(target);
    if (isDevice(target)) {
      return new ReservedFile(target, null, null);
    }
    Path temporary = AtomicWrite.temporary(target);
    try {
      Folders.create(temporary.toAbsolutePath().getParent());
      if (Files.exists(temporary, LinkOption.NOFOLLOW_LINKS) && !isPlain(temporary)) {
        Files.delete(temporary);
      }
      FileChannel channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      return locked(target, temporary, channel);
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    }
  }

  /**
   * Checks that a file can probably be written, without making it.
   *
   * @throws OutputException if it is a folder, or the folder that it would be in can't be written
   */
  public static void requireWritable(Path target) {
    if (Files.isDirectory(target)) {
      throw unwritable(target, "a file that can be written", "a folder");
    }
    Path folder = target.toAbsolutePath().getParent();
    while (folder != null && !Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      folder = folder.getParent();
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw unwritable(target, "a folder to write it in", "none");
    }
    boolean device = isDevice(target);
    if (!Files.isWritable(device ? target : folder)) {
      throw unwritable(
          target, "the right to write " + (device ? "to it" : "in its folder"), "none");
    }
  }

  private static boolean isDevice(Path target) {
    return Files.exists(target) && !Files.isRegularFile(target);
  }

  /**
   * Returns whether a leftover temporary file is a regular file with one name, so that writing to
   * it changes no other file.
   */
  private static boolean isPlain(Path file) {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && FileIdentity.names(file) == 1;
  }

  private static ReservedFile locked(Path target, Path temporary, FileChannel channel)
      throws IOException {
    Optional<Object> identity = FileIdentity.of(temporary);
    boolean mine = false;
    try {
      // The other run may have finished, and moved the file away, between opening and locking.
      mine = AtomicWrite.tryLock(channel) && identity.isPresent();
      mine = mine && FileIdentity.of(temporary).equals(identity);
    } finally {
      if (!mine) {
        channel.close();
      }
    }
    if (!mine) {
      throw ErrorDetails.file(target)
          .hint("name another one")
          .refused("another run is going to write this file");
    }
    channel.truncate(0);
    return new ReservedFile(target, temporary, channel);
  }

  /**
   * Writes the whole file and gives it its name.
   *
   * @param content called once
   * @throws OutputException if it can't be written; a file that had the name is left as it was
   */
  public void write(AtomicWrite.Content content) {
    if (channel == null) {
      OutputException.writing(target, () -> writeDirectly(content));
      return;
    }
    OutputException.writing(
        target,
        () -> {
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel));
          content.writeTo(out);
          out.flush();
        });
    finish();
  }

  private void writeDirectly(AtomicWrite.Content content) throws IOException {
    try (OutputStream out =
        new BufferedOutputStream(Files.newOutputStream(target, StandardOpenOption.WRITE))) {
      content.writeTo(out);
    }
  }

  /**
   * Writes some of the file's bytes where they belong; other threads may write others meanwhile.
   *
   * @param position of the first of them in the file
   * @param bytes native, or an array of bytes
   * @throws OutputException if they can't be written, or the file is a device or pipe
   */
  public void write(long position, MemorySegment bytes) {
    if (channel == null) {
      throw unwritable(target, "a regular file", "a device or pipe");
    }
    OutputException.writing(target, () -> FilePieces.write(channel, position, bytes));
  }

  /**
   * Gives the file its name, once all of it is written where it belongs.
   *
   * @throws OutputException if that fails; a file that had the name is left as it was
   */
  public void finish() {
    OutputException.writing(target, this::publish);
  }

  private void publish() throws IOException {
    InputFile.refuseRead(target);
    channel.force(true);
    if (File.separatorChar == '\\') {
      channel.close(); // Windows moves no file that is open.
    }
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    written = true;
    Folders.forceParent(target);
  }

  private static OutputException unwritable(Path target, String expected, String found) {
    return ErrorDetails.file(target).unwritable(expected, found);
  }

  /** Deletes the temporary file and releases the lock, unless the file is written. */
  @Override
  public void close() {
    if (channel == null) {
      return;
    }
    try (channel) {
      if (!written) {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw OutputException.unwritable(target, e);
    }
  }
}
