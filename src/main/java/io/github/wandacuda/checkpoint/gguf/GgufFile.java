package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.InputFile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A GGUF file, checked and held open. Safe for use by several threads.
 *
 * @param path as it was given
 * @param header what it begins with
 * @param channel open for reading; {@link #close} closes it
 * @param length of the file in bytes, when it was opened
 */
record GgufFile(Path path, GgufHeader header, FileChannel channel, long length)
    implements AutoCloseable {
  private static final int BUFFER = 1 << 16;

  /** Returns whether a file begins as GGUF does; also where its content is broken. */
  static boolean is(Path path) {
    return InputFile.reading(
        path,
        () -> {
          try (InputStream in = InputFile.stream(path)) {
            return Arrays.equals(in.readNBytes(GgufHeader.MAGIC.length), GgufHeader.MAGIC);
          }
        });
  }

  /**
   * Reads and checks a file's header, and holds the file open.
   *
   * @throws InputException if it can't be read or breaks the format
   */
  static GgufFile open(Path path) {
    return InputFile.reading(
        path,
        () -> {
          long length = InputFile.size(path);
          GgufHeader header;
          try (InputStream in = new BufferedInputStream(InputFile.stream(path), BUFFER)) {
            header = GgufHeader.read(path, in, length);
          }
          return new GgufFile(path, header, InputFile.channel(path), length);
        });
  }

  /**
   * Reads bytes of a tensor until {@code destination} is full.
   *
   * @param tensor one of the header's
   * @param offset in the tensor, in bytes
   * @throws InputException if the file can't be read or became shorter
   */
  void read(GgufTensor tensor, long offset, MemorySegment destination) {
    try {
      if (!FilePieces.read(channel, header.dataOffset() + tensor.begin() + offset, destination)) {
        throw ErrorDetails.file(path)
            .wrong(length + " bytes, as when the run began", channel.size() + " bytes");
      }
    } catch (ClosedChannelException e) {
      CancelledException.throwIfInterrupted();
      throw new IllegalStateException(path + " is closed", e);
    } catch (IOException e) {
      throw InputException.unreadable(path, length + " bytes, as when the run began", e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw InputException.unreadable(path, "to close it", e);
    }
  }
}
