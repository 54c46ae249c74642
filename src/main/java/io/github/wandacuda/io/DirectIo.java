package io.github.wandacuda.io;

import io.github.wandacuda.system.AvailableMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Direct I/O of a run: its threads and memory, shared by its files. What the page cache holds stays
 * there, and nothing is added to it but the ends of tensors that share a block of the file system.
 */
public final class DirectIo implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DirectIo.class);

  /** More requests than this at a time make no device faster that was measured. */
  private static final int THREADS = 4;

  private static final long PATIENCE_MILLIS = 1000;

  /** Reads and writes through the page cache. */
  public static final DirectIo BUFFERED = of(IoMode.BUFFERED);

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
   * Prepares a run's I/O with files that are opened in another way.
   *
   * @param warning takes what the user should know
   */
  DirectIo(IoMode mode, FileOpener opener, Consumer<String> warning) {
    this.mode = mode;
    this.opener = opener;
    this.warning = warning;
  }

  /** Prepares I/O as a mode says. */
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

  /** Returns whether the page cache has room for so many bytes beside what else is in it. */
  public static boolean fitsInCache(long bytes) {
    return bytes <= AvailableMemory.bytes() / 2;
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
   * Returns a writer of a file.
   *
   * @param plain the same file, open for writing through the page cache
   * @param length the file's length when it is complete
   * @return empty if the file is to be written through the page cache
   */
  public Optional<BlockWriter> writer(Path file, FileChannel plain, long length) {
    return open(file, StandardOpenOption.WRITE)
        .map(direct -> new BlockWriter(this, writes, plain, direct, length));
  }

  /**
   * Returns a reader of a file that may be in the page cache: what is there is read from there, the
   * rest from the device.
   *
   * @param plain the same file, open for reading through the page cache
   * @param length the file's length
   * @return empty if the file is to be read through the page cache
   */
  public Optional<BlockReader> reader(Path file, FileChannel plain, long length) {
    return !isDirect()
        ? Optional.empty()
        : Residency.of(plain, length).flatMap(cache -> reader(file, length, cache));
  }

  /** Returns a reader of a file that reads from the device whatever the page cache holds. */
  public Optional<BlockReader> deviceReader(Path file, long length) {
    return reader(file, length, Residency.NOTHING);
  }

  private Optional<BlockReader> reader(Path file, long length, Residency cache) {
    Optional<BlockReader> reader =
        open(file, StandardOpenOption.READ)
            .map(direct -> new BlockReader(reads, cache, direct, length));
    synchronized (this) {
      reader.ifPresentOrElse(readers::add, cache::close);
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
      return opened.filter(DirectIo::isUsable);
    } catch (IOException | UnsupportedOperationException e) {
      tellRefused(e.getMessage());
      return Optional.empty();
    }
  }

  private static boolean isUsable(FileOpener.Opened direct) {
    return Integer.bitCount(direct.block()) == 1 && direct.block() <= BlockWriter.ALIGNMENT;
  }

  /** Says once that direct I/O was asked for and isn't to be had. */
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

  /** Ends the threads; the files' writers must be closed. */
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
}
