package io.github.wandacuda.io;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
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
      if (!FilePieces.read(channel, position, destination)) {
        throw shrunk(channel.size());
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

  private InputException shrunk(long now) {
    return Malformed.file(file, length + " bytes, as when the run began", now + " bytes");
  }
}
