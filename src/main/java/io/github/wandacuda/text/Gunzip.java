package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.InputFile;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** Inflates gzip files that are too large for memory. */
final class Gunzip {
  private static final int PIECE = 1 << 18;

  /**
   * Text is compressed to a third or a tenth. A file a thousandth as long as its content was made
   * to fill a disk.
   */
  private static final long MOST_TIMES = 100;

  /** Content up to this many bytes is inflated however well it was compressed. */
  private static final long HARMLESS = 64 << 20;

  private Gunzip() {}

  /**
   * Returns a channel to the inflated content, in a temporary file that is deleted when the channel
   * is closed or the process ends.
   *
   * @throws InputException if the file can't be read, isn't gzip, is cut short or inflates to more
   *     than text does
   * @throws OutputException if the temporary directory has no space or can't be written
   */
  static FileChannel toTemporaryFile(Path file) {
    try (InputStream in = InputFile.stream(file);
        InputStream inflated = new GZIPInputStream(in, PIECE)) {
      FileChannel channel = temporaryFile(file);
      try {
        copy(file, inflated, channel);
        return channel;
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (ZipException | EOFException e) {
      String problem = e instanceof EOFException ? "it ends early" : InputFailures.firstLine(e);
      throw new InputException(
          ErrorDetails.file(file)
              .expected("a whole gzip file", problem)
              .said("not a whole gzip file: " + problem)
              .hint("compress it again, or rename it if it isn't compressed"),
          e);
    } catch (IOException e) {
      throw InputFailures.unreadable(file, e);
    }
  }

  private static void copy(Path file, InputStream inflated, FileChannel channel)
      throws IOException {
    byte[] piece = new byte[PIECE];
    long most = Math.max(HARMLESS, Math.multiplyExact(Files.size(file), MOST_TIMES));
    long written = 0;
    for (int size = inflated.read(piece); size >= 0; size = inflated.read(piece)) {
      written += size;
      if (written > most) {
        throw ErrorDetails.file(file)
            .hint("inflate it by hand if that is right")
            .wrong(
                "text that is at most %d times as long as the file".formatted(MOST_TIMES),
                "more than %d bytes".formatted(most));
      }
      write(file, channel, ByteBuffer.wrap(piece, 0, size));
    }
  }

  private static void write(Path file, FileChannel channel, ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw noTemporaryFile(file, e);
    }
  }

  private static FileChannel temporaryFile(Path file) {
    try {
      return FileChannel.open(
          Files.createTempFile("wanda-cuda-documents", null),
          StandardOpenOption.READ,
          StandardOpenOption.WRITE,
          StandardOpenOption.DELETE_ON_CLOSE);
    } catch (IOException e) {
      throw noTemporaryFile(file, e);
    }
  }

  private static OutputException noTemporaryFile(Path file, IOException cause) {
    return new OutputException(
        ErrorDetails.file(file)
            .said(
                "cannot be inflated into %s: %s"
                    .formatted(System.getProperty("java.io.tmpdir"), Reason.of(cause)))
            .hint("name a folder with more room by -Djava.io.tmpdir, or inflate it by hand"),
        cause);
  }
}
