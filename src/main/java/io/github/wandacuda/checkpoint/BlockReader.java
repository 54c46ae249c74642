package io.github.wandacuda.checkpoint;

import io.github.wandacuda.checkpoint.DirectIo.FileOpener;
import io.github.wandacuda.system.ResidentPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a file from the device, a few blocks ahead of its callers, unless the page cache has what
 * is wanted. Safe for use by several threads.
 */
final class BlockReader {
  private static final Logger LOG = LoggerFactory.getLogger(BlockReader.class);

  /** Blocks read ahead: enough that a worker seldom waits, few enough for several workers. */
  private static final int AHEAD = 4;

  private final ReadQueue queue;
  private final Optional<ResidentPages> cache;
  private final FileOpener.Opened direct;
  private final long length;

  /**
   * Whether the page cache holds each block: null until it was asked. Threads that ask at the same
   * time write the same answer, so there is no lock.
   */
  private final Boolean[] cached;

  /**
   * Reads through a channel that was opened for direct I/O.
   *
   * @param queue starts the reads and owns the blocks' memory
   * @param cache tells what the page cache holds, closed with this reader; or nothing, to read all
   *     of the file from the device
   * @param direct the file, which is closed with this reader
   * @param length of the file, in bytes
   */
  BlockReader(
      ReadQueue queue, Optional<ResidentPages> cache, FileOpener.Opened direct, long length) {
    this.queue = queue;
    this.cache = cache;
    this.direct = direct;
    this.length = length;
    cached = new Boolean[Math.toIntExact(Math.ceilDiv(length, BlockWriter.BLOCK))];
  }

  /**
   * Reads until {@code destination} is full, the file ends, or a block comes that the page cache
   * holds.
   *
   * @param position where to start, in bytes from the file's start
   * @param end up to where later calls will read, so that no block after that is read ahead
   * @return how many bytes were read, perhaps 0; the rest is for the caller to read through the
   *     page cache
   * @throws IOException if the device fails
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted
   */
  long read(long position, long end, MemorySegment destination) throws IOException {
    long done = 0;
    while (done < destination.byteSize()) {
      long count = readBlock(position + done, end, destination.asSlice(done));
      if (count <= 0) {
        break;
      }
      done += count;
    }
    return done;
  }

  private long readBlock(long position, long end, MemorySegment destination) throws IOException {
    long start = position / BlockWriter.BLOCK * BlockWriter.BLOCK;
    if (!queue.has(this, start) && isCached(start)) {
      return 0;
    }
    prepare(start, end);
    ReadQueue.Block block = queue.enter(this, start);
    if (block == null) {
      return 0;
    }
    long from = position - start;
    long count = Math.min(destination.byteSize(), block.length - from);
    if (count > 0) {
      MemorySegment.copy(block.memory, from, destination, 0, count);
    }
    queue.leave(block, Math.max(0, count));
    return count;
  }

  private void prepare(long start, long end) {
    for (int ahead = 0; ahead <= AHEAD; ahead++) {
      long next = start + (long) ahead * BlockWriter.BLOCK;
      if (next < end && !queue.has(this, next) && !isCached(next)) {
        queue.prepare(this, next);
      }
    }
  }

  /**
   * Returns whether the page cache holds a block. Asks once for each, since the answer takes longer
   * than copying a few rows.
   */
  private boolean isCached(long start) {
    int block = (int) (start / BlockWriter.BLOCK);
    if (cached[block] == null) {
      long bytes = Math.min(BlockWriter.BLOCK, length - start);
      cached[block] = cache.isPresent() && cache.get().holds(start, bytes);
    }
    return cached[block];
  }

  /**
   * Reads a block from the device; called from the queue's threads.
   *
   * @param start of the block in the file
   * @param memory takes it, {@link BlockWriter#BLOCK} bytes
   * @return how many bytes the file has of it
   * @throws IOException if the device fails
   */
  int fetch(long start, MemorySegment memory) throws IOException {
    ByteBuffer bytes = memory.asByteBuffer();
    while (bytes.hasRemaining() && start + bytes.position() < length) {
      int count = direct.channel().read(bytes, start + bytes.position());
      // After the file's end nothing is aligned any more.
      if (count <= 0 || count % direct.block() != 0) {
        break;
      }
    }
    return bytes.position();
  }

  /**
   * Closes the channel and what asks the page cache. To be called when no thread reads any more.
   */
  void close() {
    cache.ifPresent(ResidentPages::close);
    try {
      direct.channel().close();
    } catch (IOException e) {
      LOG.debug("a file that was read can't be closed", e);
    }
  }
}
