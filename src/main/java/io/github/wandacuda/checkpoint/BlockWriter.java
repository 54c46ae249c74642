package io.github.wandacuda.checkpoint;

import io.github.wandacuda.checkpoint.DirectIo.FileOpener;
import io.github.wandacuda.checkpoint.WriteQueue.OpenBlock;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.RealCause.SystemError;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Map;

/**
 * Writes a file past the page cache, in pieces of any size, in any order and from several threads.
 * The pieces are copied into blocks, which other threads write when they are whole. What direct I/O
 * can't write, since it is smaller than the file system's blocks or the end of the file, goes
 * through the page cache. No such block of the file system is written in both ways.
 *
 * <p>Each byte is written once. An error comes with a later call.
 */
public final class BlockWriter implements Closeable {
  /** Bytes of a block that is put together. */
  static final int BLOCK = 1 << 20;

  /** Direct I/O is aligned to this at least, as the page cache is. */
  static final int PAGE = 4096;

  /** Blocks of a file system are taken up to this; those of most are a {@link #PAGE}. */
  static final int ALIGNMENT = 64 << 10;

  private final DirectIo io;
  private final WriteQueue queue;
  private final FileChannel plain;
  private final FileOpener.Opened direct;
  private final long length;
  private volatile boolean refused;
  private volatile boolean abandoned;
  private volatile IOException failure;

  /**
   * Writes to a file that is open twice.
   *
   * @param io is told if the file system refuses direct I/O
   * @param queue starts the writes and owns the blocks' memory
   * @param plain the file, open through the page cache; stays open
   * @param direct the same file, open for direct I/O, which is closed with this writer
   * @param length of the file when it is complete, in bytes
   */
  BlockWriter(
      DirectIo io, WriteQueue queue, FileChannel plain, FileOpener.Opened direct, long length) {
    this.io = io;
    this.queue = queue;
    this.plain = plain;
    this.direct = direct;
    this.length = length;
  }

  /**
   * Copies a piece, which is written later.
   *
   * @param bytes the piece, free for other use after the call
   * @param position where it belongs, in bytes from the file's start
   * @throws IOException if a piece before this one couldn't be written
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted while it
   *     waits for memory
   */
  public void write(MemorySegment bytes, long position) throws IOException {
    long at = 0;
    while (at < bytes.byteSize()) {
      long start = (position + at) / BLOCK * BLOCK;
      int from = (int) (position + at - start);
      int count = (int) Math.min(BLOCK - from, bytes.byteSize() - at);
      OpenBlock block = queue.enter(this, start, (int) Math.min(BLOCK, length - start));
      MemorySegment.copy(bytes, at, block.memory, from, count);
      queue.leave(block, from, count);
      at += count;
    }
  }

  /**
   * Writes the pieces so far of a part of the file, whole blocks or not. They are on the device
   * only when the file is forced afterwards.
   *
   * @param from where the part begins, in bytes from the file's start
   * @param to where it ends, exclusive
   * @throws IOException if a piece of the file couldn't be written
   */
  public void flush(long from, long to) throws IOException {
    queue.flush(this, from, to);
  }

  /** Closes the direct channel. Pieces that weren't flushed are dropped. */
  @Override
  public void close() throws IOException {
    abandoned = true;
    queue.forget(this);
    direct.channel().close();
  }

  /**
   * Checks that no write has failed so far.
   *
   * @throws IOException what the last one that failed did so by
   */
  void rethrow() throws IOException {
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * Writes what is there of a block; called from the queue's threads. An error is kept and thrown
   * by the file's next call.
   */
  void put(OpenBlock block) {
    try {
      for (Map.Entry<Integer, Integer> run : block.runs.entrySet()) {
        put(block, run.getKey(), run.getValue());
      }
    } catch (IOException e) {
      failure = abandoned ? failure : e;
    } catch (RuntimeException | Error e) {
      failure = DirectIo.failure(e);
    }
  }

  private void put(OpenBlock block, int from, int to) throws IOException {
    int unit = direct.block();
    int first = Math.min(Math.ceilDiv(from, unit) * unit, to);
    int last = Math.max(to / unit * unit, first);
    through(block, from, first);
    past(block, first, last);
    through(block, last, to);
  }

  private void past(OpenBlock block, int from, int to) throws IOException {
    int at = from;
    try {
      while (at < to && !refused && !abandoned) {
        ByteBuffer bytes = block.memory.asSlice(at, to - at).asByteBuffer();
        at += required(direct.channel().write(bytes, block.start + at));
        // After a part of a block, as on a disk that is nearly full, the rest isn't aligned.
        if (at % direct.block() != 0) {
          break;
        }
      }
    } catch (IOException e) {
      if (!SystemError.INVALID_ARGUMENT.isSaidIn(e.getMessage())) {
        throw e;
      }
      refused = true;
      io.tellRefused(Printable.reason(e));
    }
    through(block, at, to);
  }

  private void through(OpenBlock block, int from, int to) throws IOException {
    int at = from;
    while (at < to && !abandoned) {
      ByteBuffer bytes = block.memory.asSlice(at, to - at).asByteBuffer();
      at += required(plain.write(bytes, block.start + at));
    }
  }

  private static int required(int written) throws IOException {
    if (written <= 0) {
      throw new IOException("the system wrote nothing");
    }
    return written;
  }
}
