package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Copies out of a mapped file that another process may cut short at any moment.
 *
 * <p>Compiled code that reads mapped pages which are gone takes the JVM down, or gets zeros where
 * the last page is half gone. So code that computes reads from a copy, and this is the only place
 * that touches a mapping. A copy costs some 2 microseconds on top of its bytes: make it a block of
 * rows, not a row.
 *
 * @param file the file that was mapped
 * @param length its length in bytes when it was mapped
 */
public record MappedReads(Path file, long length) {
  /**
   * Copies bytes out of the mapping.
   *
   * @param mapped the mapping or a slice of it
   * @param from where to start in {@code mapped}
   * @param destination memory that is not mapped from a file
   * @param to where to start in {@code destination}
   * @param bytes how many bytes
   * @throws InputException if the file has become shorter than it was; the destination's content is
   *     then undefined
   */
  public void copy(
      MemorySegment mapped, long from, MemorySegment destination, long to, long bytes) {
    try {
      MemorySegment.copy(mapped, from, destination, to, bytes);
      // A fault in compiled code is thrown where the thread next looks for it. This system call is
      // such a place: without it, the error would surface in the caller, outside of this block.
      checkLength();
    } catch (InternalError e) {
      if (e.getMessage() == null || !e.getMessage().contains("unsafe memory access")) {
        throw e;
      }
      throw new InputException(shrunk("pages that are gone").getMessage(), e);
    }
  }

  /**
   * Checks that the file is as long as it was.
   *
   * @throws InputException if it isn't
   */
  public void checkLength() {
    long now;
    try {
      now = Files.size(file);
    } catch (IOException e) {
      throw Malformed.unreadable(file, length + " bytes, as when the run began", e);
    }
    if (now != length) {
      throw shrunk(now + " bytes");
    }
  }

  private InputException shrunk(String found) {
    return Malformed.file(file, length + " bytes, as when the run began", found);
  }
}
