package io.github.wandacuda.io;

import io.github.wandacuda.error.OutputException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * Writes a file so that its name only ever stands for complete content: the content is written
 * under a temporary name in the same folder, forced to the device, then moved over whatever was
 * there.
 */
public final class AtomicWrite {
  /** The start of the name of every file that exists only while a run is unfinished. */
  public static final String OWN = ".wanda-cuda";

  private static final String PREFIX = OWN + "-";

  /**
   * The names of an unfinished run's files: those of {@link #temporary}, and those by which its
   * processes hand each other their work.
   */
  private static final Pattern TEMPORARY =
      Pattern.compile(
          Pattern.quote(OWN)
              + "(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.]partial"
              + "|[.](journal|masks|steps"
              + "|(part|states|module|inputs|norms|batch|fit)-[0-9]+(-[0-9]+)?))");

  private AtomicWrite() {}

  /** Writes a file's content. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes everything.
     *
     * @param out buffered; flushed and closed by the caller
     * @throws IOException if it can't be written
     */
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * Writes a file of an output directory. Whatever has its name is replaced: a link or a device is
   * never written through.
   *
   * @param content called once; if it throws, nothing is replaced
   * @param attributes the new file's, see {@link FileModes}; none for the system's usual ones
   * @throws OutputException if it can't be written; a file that had the name is left as it was
   */
  public static void replace(Path target, Content content, FileAttribute<?>... attributes) {
    OutputException.writing(target, () -> writeAndMove(target, content, attributes));
  }

  /**
   * Returns the name under which {@code target} is written, the same in every run, so that a killed
   * run's leftover is replaced by the next run's.
   */
  public static Path temporary(Path target) {
    byte[] name = target.getFileName().toString().getBytes(StandardCharsets.UTF_8);
    return target.resolveSibling(PREFIX + UUID.nameUUIDFromBytes(name) + ".partial");
  }

  /** Returns whether a file's name is one that only files of an unfinished run have. */
  public static boolean isTemporary(Path file) {
    return TEMPORARY.matcher(file.getFileName().toString()).matches();
  }

  private static void writeAndMove(Path target, Content content, FileAttribute<?>... attributes)
      throws IOException {
    Path temporary = temporary(target);
    Files.deleteIfExists(temporary);
    try {
      writeTemporary(temporary, content, attributes);
      moveOver(temporary, target);
    } catch (IOException | RuntimeException | Error e) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException left) {
        e.addSuppressed(left);
      }
      throw e;
    }
  }

  /**
   * Gives a file the name of another, which it replaces. After a power failure the name stands for
   * either of the two, whole.
   *
   * @param temporary in the same file system as {@code target}, and forced to the device already
   * @throws IOException if it can't be moved
   * @throws OutputException if the device fails
   */
  public static void moveOver(Path temporary, Path target) throws IOException {
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Folders.forceParent(target);
  }

  /**
   * Locks a file for this process, until the channel is closed.
   *
   * @return false if another process, or another channel of this one, holds the lock
   * @throws IOException if the file system takes no locks
   */
  public static boolean tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static void writeTemporary(
      Path temporary, Content content, FileAttribute<?>... attributes) throws IOException {
    Set<OpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (FileChannel channel = FileChannel.open(temporary, options, attributes);
        OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel))) {
      content.writeTo(out);
      out.flush();
      channel.force(true);
    }
  }
}
