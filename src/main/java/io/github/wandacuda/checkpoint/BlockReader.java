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
   * Whether the cache has each block, or null; threads that write the same don't disturb others.
   */
  private final Boolean[] cached;

  BlockReader(
      ReadQueue queue, Optional<ResidentPages> cache, FileOpener.Opened direct, long length) {
    this.queue = queue;
    this.cache = cache;
    this.direct = direct;
    this.length = length;
    cached = new Boolean[Math.toIntExact(Math.ceilDiv(length, BlockWriter.BLOCK))];
  }

  /**
   * Reads until {@code destination} is full, or the page cache or the end of the file comes.
   *
   * @param end where the caller will end, in later calls
   * @return how many bytes were read; the rest is for the caller to read through the page cache
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

  /** Asks once for each block, since the answer takes longer than copying a few rows. */
  private boolean isCached(long start) {
    int block = (int) (start / BlockWriter.BLOCK);
    if (cached[block] == null) {
      long bytes = Math.min(BlockWriter.BLOCK, length - start);
      cached[block] = cache.isPresent() && cache.get().holds(start, bytes);
    }
    return cached[block];
  }

  /** Reads a block, and returns how many bytes the file has of it. */
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

  void close() {
    cache.ifPresent(ResidentPages::close);
    try {
      direct.channel().close();
    } catch (IOException e) {
      LOG.debug("a file that was read can't be closed", e);
    }
  }
}
