package io.github.wandacuda.io;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Reads from a file that is held open and that another process may truncate at any moment. Safe for
 * use by several threads.
 *
 * <p>The system copies the bytes and reports where the file ends, so a truncated file is an error
 * here. With a memory mapping it would crash the JVM.
 *
 * @param file the file's path, for errors
 * @param channel the file
 * @param length its length in bytes when it was opened
 */
public record FileReads(Path file, FileChannel channel, long length) {
  /** Bounds what the JDK allocates off the heap for a read into the heap. */
  private static final long CHUNK = 1 << 20;

  /**
   * Reads until {@code destination} is full.
   *
   * @param position where to start in the file
   * @throws InputException if the file has become shorter than it was, or can't be read; the
   *     destination's content is then undefined
   * @throws CancelledException if the thread was interrupted, which closes the file for all
   */
  public void read(long position, MemorySegment destination) {
    try {
      for (long at = 0; at < destination.byteSize(); at += CHUNK) {
        long count = Math.min(CHUNK, destination.byteSize() - at);
        readChunk(position + at, destination.asSlice(at, count));
      }
      // A part that is cut off during a read may be read as zeros.
      long now = channel.size();
      if (now != length) {
        throw shrunk(now);
      }
    } catch (ClosedChannelException e) {
      CancelledException.throwIfInterrupted();
      throw new IllegalStateException(file + " is closed", e);
    } catch (IOException e) {
      throw Malformed.unreadable(file, length + " bytes, as when the run began", e);
    }
  }

  private void readChunk(long position, MemorySegment destination) throws IOException {
    if (destination.heapBase().filter(array -> !(array instanceof byte[])).isPresent()) {
      // Of all arrays only those of bytes can be buffers.
      byte[] bytes = new byte[(int) destination.byteSize()];
      readFully(position, ByteBuffer.wrap(bytes));
      destination.copyFrom(MemorySegment.ofArray(bytes));
    } else {
      readFully(position, destination.asByteBuffer());
    }
  }

  private void readFully(long position, ByteBuffer destination) throws IOException {
    while (destination.hasRemaining()) {
      if (channel.read(destination, position + destination.position()) < 0) {
        throw shrunk(channel.size());
      }
    }
  }

  private InputException shrunk(long now) {
    return Malformed.file(file, length + " bytes, as when the run began", now + " bytes");
  }
}
