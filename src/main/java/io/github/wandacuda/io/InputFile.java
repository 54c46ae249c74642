package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;

/**
 * Opens the files that are read, all of them here, and remembers those that a run of a command has
 * opened: its results never replace them, by whatever path. Only regular files and links to them
 * are opened: opening a pipe waits for a writer, and a device may never end. Even the user's own
 * pipe, such as the shell's {@code <(zcat text.gz)}, is refused, since most inputs are read more
 * than once or not from start to end.
 */
public final class InputFile {
  /**
   * The identities of the files that the run has opened from its own thread. Threads that it starts
   * aren't looked at: they open nothing but a model's files.
   */
  private static final ScopedValue<Set<Object>> READ = ScopedValue.newInstance();

  private static final int FORMAT = 0170000;
  private static final int PIPE = 0010000;
  private static final int CHARACTERS = 0020000;
  private static final int BLOCKS = 0060000;
  private static final int SOCKET = 0140000;

  private InputFile() {}

  /** What is done with a file that is read. */
  @FunctionalInterface
  public interface Reading<T> {
    /**
     * Reads the file, or does something with what was read.
     *
     * @throws IOException if it can't be read
     */
    T read() throws IOException;
  }

  /**
   * Returns the text that a file begins with, up to a number of bytes.
   *
   * @param most bytes; a character that they end within becomes U+FFFD
   * @throws InputException if the file can't be read
   */
  public static String beginning(Path file, int most) {
    return reading(
        file,
        () -> {
          try (InputStream in = stream(file)) {
            return new String(in.readNBytes(most), StandardCharsets.UTF_8);
          }
        });
  }

  /**
   * Does something with a file that is read.
   *
   * @param file for messages
   * @return what the work returns
   * @throws InputException that names the file, if it can't be read or its content fills the heap
   */
  public static <T> T reading(Path file, Reading<T> work) {
    try {
      return work.read();
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    } catch (OutOfMemoryError e) {
      throw ErrorDetails.file(file)
          .hint("give the heap more with -Xmx")
          .wrong(
              "content that fits into a Java heap of %d bytes"
                  .formatted(Runtime.getRuntime().maxMemory()),
              "more",
              e);
    }
  }

  /**
   * Opens a file to read it.
   *
   * @throws InputException if it is no regular file, see {@link #requireRegular}
   * @throws IOException if it isn't there or can't be read
   */
  public static FileChannel channel(Path file) throws IOException {
    requireRegular(file);
    return FileChannel.open(file, StandardOpenOption.READ);
  }

  /** Opens a file to read it from its start, and refuses what {@link #channel} does. */
  public static InputStream stream(Path file) throws IOException {
    requireRegular(file);
    return Files.newInputStream(file);
  }

  /**
   * Returns a file's whole content; opens it as {@link #channel} does.
   *
   * @throws InputException if it can't be read, or doesn't fit into the heap
   */
  public static byte[] bytes(Path file) {
    return reading(
        file,
        () -> {
          requireRegular(file);
          return Files.readAllBytes(file);
        });
  }

  /**
   * Returns a file's length in bytes.
   *
   * @throws InputException if it is no regular file
   * @throws IOException if it isn't there
   */
  public static long size(Path file) throws IOException {
    requireRegular(file);
    return Files.size(file);
  }

  /**
   * Returns a file's length in bytes.
   *
   * @param most bytes that it may have
   * @throws InputException if it is longer, or no regular file
   * @throws IOException if it isn't there
   */
  public static long size(Path file, long most) throws IOException {
    long size = size(file);
    if (size > most) {
      throw ErrorDetails.file(file).wrong("at most %d bytes".formatted(most), size);
    }
    return size;
  }

  /**
   * Checks that a file is a regular one, so that reading it waits for no other process. From now on
   * the run counts as reading it.
   *
   * @throws InputException if it is something else, or one that the kernel makes as it is read
   * @throws IOException if it isn't there
   */
  public static void requireRegular(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    if (!attributes.isRegularFile()) {
      throw ErrorDetails.file(file)
          .hint(attributes.isDirectory() ? null : "write what it gives to a file first")
          .wrong("a regular file", kind(file, attributes));
    }
    // What the kernel makes as it is read has no length, and may wait or never end.
    if (attributes.size() == 0 && isOfKernel(file)) {
      throw ErrorDetails.file(file)
          .hint("write what it gives to a file first")
          .wrong("a regular file", "one that the kernel makes as it is read");
    }
    if (READ.isBound()) {
      READ.get().add(FileIdentity.of(file, attributes));
    }
  }

  private static boolean isOfKernel(Path file) throws IOException {
    Path real = file.toRealPath();
    return real.startsWith("/proc") || real.startsWith("/sys");
  }

  /**
   * Checks that a file can be read, before the long work that comes before reading it.
   *
   * @throws InputException if it isn't there or is no regular file
   */
  public static void require(Path file) {
    try {
      requireRegular(file);
    } catch (NoSuchFileException e) {
      throw ErrorDetails.file(file).wrong("a file", "nothing", e);
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  private static String kind(Path file, BasicFileAttributes attributes) throws IOException {
    if (attributes.isDirectory()) {
      return "a folder";
    }
    if (!file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      return "something else";
    }
    return switch ((int) Files.getAttribute(file, "unix:mode") & FORMAT) {
      case PIPE -> "a pipe";
      case CHARACTERS, BLOCKS -> "a device";
      case SOCKET -> "a socket";
      default -> "something else";
    };
  }

  /**
   * Does a run, whose files are kept apart from those of other runs.
   *
   * @param run returns its exit code
   * @return that
   */
  public static int during(IntSupplier run) {
    return ScopedValue.where(READ, ConcurrentHashMap.newKeySet()).call(run::getAsInt);
  }

  /** Returns whether a path leads to a file that this thread's run has opened. */
  public static boolean isRead(Path file) {
    return READ.isBound() && FileIdentity.of(file).filter(READ.get()::contains).isPresent();
  }

  /**
   * Checks that a file to be replaced isn't one that this thread's run has opened.
   *
   * @throws io.github.wandacuda.error.UsageException if it is
   */
  static void refuseRead(Path file) {
    if (isRead(file)) {
      throw ErrorDetails.file(file)
          .hint("name another file")
          .refused("this file is what the run reads, which is never replaced");
    }
  }
}
