package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.ResidentPages;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Direct I/O of a run: the threads and the memory that its files share. What the page cache holds
 * stays there, and nothing is added to it but the ends of tensors that share a block of the file
 * system with what is read or written past it.
 */
public final class DirectIo implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DirectIo.class);

  /** More requests than this at a time make no device faster that was measured. */
  private static final int THREADS = 4;

  private static final long PATIENCE_MILLIS = 1000;

  /** Reads and writes through the page cache. */
  public static final DirectIo BUFFERED = of(IoMode.BUFFERED);

  private static final IOException NO_ROOM =
      new IOException(new OutOfMemoryError("Java heap space"));

  private final IoMode mode;
  private final FileOpener opener;
  private final Consumer<String> warning;
  private final Arena arena = Arena.ofShared();
  private final ExecutorService writing = threads("wanda-cuda-write-");
  private final ExecutorService reading = threads("wanda-cuda-read-");
  private final WriteQueue writes = new WriteQueue(writing, arena);
  private final ReadQueue reads = new ReadQueue(reading, arena);
  private final List<BlockReader> readers = new ArrayList<>();
  private boolean told;

  /**
   * Returns an exception that says what a thread failed by. Where the heap has no room for one
   * more, it is one that was made before.
   */
  static IOException failure(Throwable cause) {
    try {
      return new IOException(cause);
    } catch (OutOfMemoryError e) {
      return NO_ROOM;
    }
  }

  /**
   * Prepares a run's I/O with files that are opened in a way of their own.
   *
   * @param opener opens a file for direct I/O
   * @param warning takes at most one message: that direct I/O was asked for and isn't to be had
   */
  DirectIo(IoMode mode, FileOpener opener, Consumer<String> warning) {
    this.mode = mode;
    this.opener = opener;
    this.warning = warning;
  }

  /**
   * Prepares a run's I/O. {@link IoMode#AUTO} goes past the page cache here, whatever room that
   * has.
   */
  public static DirectIo of(IoMode mode) {
    return new DirectIo(mode, FileOpener.SYSTEM, LOG::warn);
  }

  /**
   * Prepares a run's I/O.
   *
   * @param bytes that it reads and writes: {@link IoMode#AUTO} goes through the page cache where
   *     they fit into it
   */
  public static DirectIo of(IoMode mode, long bytes) {
    return of(mode == IoMode.AUTO && fitsInCache(bytes) ? IoMode.BUFFERED : mode);
  }

  /**
   * Returns whether the page cache has room for this many bytes beside what else is in it: up to
   * half of the memory that the system has available.
   */
  public static boolean fitsInCache(long bytes) {
    return bytes <= MachineFacts.availableMemory() / 2;
  }

  /** Returns whether files are read and written past the page cache where they can be. */
  public boolean isDirect() {
    return mode != IoMode.BUFFERED;
  }

  private static ExecutorService threads(String name) {
    return Executors.newFixedThreadPool(
        THREADS, Thread.ofPlatform().daemon().name(name, 1).factory());
  }

  /**
   * Returns a writer of a file that goes past the page cache.
   *
   * @param file is there already
   * @param plain the same file, open for writing through the page cache; stays open
   * @param length of the file when it is complete, in bytes
   * @return nothing if the file is to be written through the page cache: the mode says so, or the
   *     file system takes no direct I/O
   */
  public Optional<BlockWriter> writer(Path file, FileChannel plain, long length) {
    return open(file, StandardOpenOption.WRITE)
        .map(direct -> new BlockWriter(this, writes, plain, direct, length));
  }

  /**
   * Returns a reader that leaves what the page cache holds for the caller to read from there, and
   * reads the rest from the device.
   *
   * @param plain the same file, open through the page cache; stays open
   * @param length of the file, in bytes
   * @return nothing if all of the file is to be read through the page cache; otherwise a reader
   *     that is closed with this
   */
  Optional<BlockReader> reader(Path file, FileChannel plain, long length) {
    Optional<ResidentPages> cache = isDirect() ? ResidentPages.of(plain, length) : Optional.empty();
    return cache.isPresent() ? reader(file, length, cache) : Optional.empty();
  }

  /**
   * Returns a reader that reads from the device whatever the page cache holds.
   *
   * @param length of the file, in bytes
   * @return nothing if the mode or the file system allows no direct I/O; otherwise a reader that is
   *     closed with this
   */
  Optional<BlockReader> deviceReader(Path file, long length) {
    return reader(file, length, Optional.empty());
  }

  private Optional<BlockReader> reader(Path file, long length, Optional<ResidentPages> cache) {
    Optional<BlockReader> reader =
        open(file, StandardOpenOption.READ)
            .map(direct -> new BlockReader(reads, cache, direct, length));
    synchronized (this) {
      reader.ifPresentOrElse(readers::add, () -> cache.ifPresent(ResidentPages::close));
    }
    return reader;
  }

  private Optional<FileOpener.Opened> open(Path file, StandardOpenOption access) {
    if (!isDirect()) {
      return Optional.empty();
    }
    try {
      Optional<FileOpener.Opened> opened = opener.open(file, access);
      if (opened.isEmpty()) {
        tellRefused("it has no device");
      }
      return opened.filter(
          direct ->
              Integer.bitCount(direct.block()) == 1 && direct.block() <= BlockWriter.ALIGNMENT);
    } catch (IOException | UnsupportedOperationException e) {
      tellRefused(Printable.firstLine(e));
      return Optional.empty();
    }
  }

  /**
   * Says that a file system takes no direct I/O: once as a warning if the user asked for it, else
   * in the log.
   *
   * @param why what the system said
   */
  synchronized void tellRefused(String why) {
    if (mode == IoMode.DIRECT && !told) {
      told = true;
      warning.accept(
          "a file system takes no direct I/O (%s): its files go through the page cache"
              .formatted(why));
    } else {
      LOG.debug("no direct I/O: {}", why);
    }
  }

  /**
   * Ends the threads and frees the memory. The files' writers must be closed already; readers are
   * closed here. A thread that a device holds up for longer than a second keeps its memory.
   */
  @Override
  public void close() {
    writing.shutdown();
    reads.end();
    reading.shutdown();
    if (haveEnded()) {
      readers.forEach(BlockReader::close);
      arena.close();
    }
  }

  /** Returns whether no thread uses the memory any more; one that a device holds up is left. */
  private boolean haveEnded() {
    boolean interrupted = Thread.interrupted();
    try {
      return writing.awaitTermination(PATIENCE_MILLIS, TimeUnit.MILLISECONDS)
          && reading.awaitTermination(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
      return false;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** How a run reads and writes shards. */
  public enum IoMode {
    /**
     * Past the page cache where there is more to read and write than it has room for, and the file
     * system has a device and takes it; through it elsewhere.
     */
    AUTO,

    /** Past the page cache, with a warning where the file system doesn't take it. */
    DIRECT,

    /** Through the page cache. */
    BUFFERED
  }

  /** Opens files for direct I/O. */
  @FunctionalInterface
  interface FileOpener {
    /** Asks the file's own file system. */
    FileOpener SYSTEM = FileOpener::openDirect;

    /**
     * A file that is open for direct I/O.
     *
     * @param channel takes and gives bytes whose place in the file and in memory, and whose number,
     *     are multiples of {@code block}
     * @param block in bytes, a power of two
     */
    record Opened(FileChannel channel, int block) {}

    /**
     * Opens a file that exists and is open already.
     *
     * @return empty if its file system has no device
     * @throws IOException if it can't be opened like this
     * @throws UnsupportedOperationException if it can't be opened like this on this system
     */
    Optional<Opened> open(Path file, StandardOpenOption access) throws IOException;

    private static Optional<Opened> openDirect(Path file, StandardOpenOption access)
        throws IOException {
      String type = Files.getFileStore(file).type();
      if (type.equals("tmpfs") || type.equals("ramfs")) {
        return Optional.empty();
      }
      InputFile.requireRegular(file);
      int block =
          Math.toIntExact(Math.max(BlockWriter.PAGE, Files.getFileStore(file).getBlockSize()));
      Set<OpenOption> options =
          access == StandardOpenOption.WRITE
              ? Set.of(access, direct(), LinkOption.NOFOLLOW_LINKS)
              : Set.of(access, direct());
      return Optional.of(new Opened(FileChannel.open(file, options), block));
    }

    /** Returns the JDK's option, which is outside of the Java SE API and so found by its name. */
    private static OpenOption direct() {
      try {
        Class<?> options = Class.forName("com.sun.nio.file.ExtendedOpenOption");
        return (OpenOption) options.getField("DIRECT").get(null);
      } catch (ReflectiveOperationException e) {
        throw new UnsupportedOperationException("this Java lacks the module jdk.unsupported", e);
      }
    }
  }
}
