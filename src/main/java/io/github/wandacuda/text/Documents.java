package io.github.wandacuda.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.HeapBudget;
import io.github.wandacuda.io.InputFile;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * The documents of a JSON-lines file: on each line an object with a string {@code text}; blank
 * lines don't count.
 *
 * <p>The file may be far larger than memory: only the offset and number of each line are kept, 16
 * bytes a document, and a line is read when its document is asked for. So a malformed line that is
 * never drawn does no harm. A compressed file is first inflated into a temporary file, which is
 * deleted when this is closed or the process ends.
 *
 * @param file the path as it was given, for messages
 * @param channel the text, inflated if it was compressed; closed with this
 * @param index where the lines are
 */
public record Documents(Path file, FileChannel channel, LineIndex index) implements AutoCloseable {
  private static final int PIECE = 1 << 18;
  private static final String ONE_OBJECT = "each line is an object such as {\"text\": \"...\"}";

  /** How many keys of a line without text the message names. */
  private static final int MOST_KEYS = 8;

  /**
   * Opens a file of documents and finds its lines.
   *
   * @param file the file, compressed by gzip if its name ends in {@code .gz}
   * @return the documents, for the caller to close
   * @throws InputException if the file can't be read, or is compressed and not whole
   * @throws io.github.wandacuda.error.OutputException if the temporary directory has no space for a
   *     compressed file's content
   */
  public static Documents open(Path file) {
    boolean compressed = TextFormat.endsWith(file, ".gz");
    try {
      FileChannel channel = compressed ? Gunzip.toTemporaryFile(file) : InputFile.channel(file);
      try {
        return new Documents(file, channel, index(channel));
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  /** Returns the number of documents. */
  public int count() {
    return index.count();
  }

  /**
   * Returns the text of a document. Several threads may ask at once.
   *
   * @param document from 0 to {@link #count} - 1
   * @throws InputException if its line isn't UTF-8, isn't one JSON object, has no string {@code
   *     text} of whole characters, or is longer than the heap has room for
   */
  public String text(int document) {
    ErrorDetails where = ErrorDetails.part(file, "line " + index.number(document));
    return InputFile.reading(file, () -> text(Utf8.decode(bytes(document, where), where), where));
  }

  private static String text(String line, ErrorDetails where) throws IOException {
    JsonNode object = JsonLines.object(line, where.hint(ONE_OBJECT));
    JsonNode text = object.path("text");
    if (text.isMissingNode()) {
      throw where
          .hint("rename the key that holds the text to \"text\"")
          .wrong("an object with a string \"text\"", keys(object));
    }
    if (!text.isTextual()) {
      throw where.wrong("a string as \"text\"", JsonLines.found(text.asToken(), text.asText()));
    }
    if (Utf8.hasLoneSurrogate(text.textValue())) {
      throw where.wrong("whole characters", "half a surrogate pair");
    }
    return text.textValue();
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  private static LineIndex index(FileChannel channel) throws IOException {
    LineIndex index = new LineIndex();
    ByteBuffer piece = ByteBuffer.allocate(PIECE);
    long position = 0;
    for (int size = channel.read(piece, position); size >= 0; ) {
      index.append(piece.array(), size);
      position += size;
      size = channel.read(piece.clear(), position);
    }
    return index;
  }

  private byte[] bytes(int document, ErrorDetails where) throws IOException {
    long start = index.start(document);
    long size = index.end(document) - start;
    if (size > Utf8.MAXIMUM_BYTES) {
      throw where.wrong("at most %d bytes".formatted(Utf8.MAXIMUM_BYTES), size);
    }
    HeapBudget.require(where, size, HeapBudget.OF_TEXT);
    byte[] bytes = new byte[(int) size];
    if (!FilePieces.read(channel, start, MemorySegment.ofArray(bytes))) {
      throw new EOFException("the file became shorter");
    }
    return bytes;
  }

  private static String keys(JsonNode object) {
    if (object.isEmpty()) {
      return "one without keys";
    }
    String names =
        object.properties().stream()
            .limit(MOST_KEYS)
            .map(key -> Printable.of(key.getKey()))
            .collect(Collectors.joining(", "));
    return "the keys " + names + (object.size() > MOST_KEYS ? " and more" : "");
  }

  /** Inflates gzip files that are too large for memory. */
  private static final class Gunzip {
    private static final int PIECE = 1 << 18;

    /**
     * How many times as long as the file its content may be. Text shrinks to a third or a tenth; to
     * a thousandth only what is made to fill a disk.
     */
    private static final long MOST_TIMES = 100;

    /** Content up to this many bytes is inflated however well it was compressed. */
    private static final long HARMLESS = 64 << 20;

    private Gunzip() {}

    /**
     * Returns a channel to the inflated content, in a temporary file that is deleted when the
     * channel is closed or the process ends.
     *
     * @throws InputException if the file can't be read, isn't gzip, is cut short or inflates to
     *     more than text does
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
        String problem = e instanceof EOFException ? "it ends early" : Printable.firstLine(e);
        throw ErrorDetails.file(file)
            .expected("a whole gzip file", problem)
            .hint("compress it again, or rename it if it isn't compressed")
            .broken("not a whole gzip file: " + problem, e);
      } catch (IOException e) {
        throw InputException.unreadable(file, e);
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
                      .formatted(System.getProperty("java.io.tmpdir"), Printable.reason(cause)))
              .hint("name a folder with more room by -Djava.io.tmpdir, or inflate it by hand"),
          cause);
    }
  }

  /**
   * The offsets of a file's lines that hold more than JSON's white space. It is given the file
   * piece by piece, from the first byte to the last.
   */
  static final class LineIndex {
    private long[] starts = new long[1024];
    private long[] numbers = new long[1024];
    private int count;
    private long length;
    private long lineStart;
    private long lineNumber = 1;
    private boolean blankSoFar = true;

    /**
     * Takes the next piece of the file.
     *
     * @param bytes free for other use after the call
     * @param size how many of them belong to the piece
     */
    void append(byte[] bytes, int size) {
      int from = 0;
      while (from < size) {
        int end = indexOfNewline(bytes, from, size);
        if (blankSoFar && !isBlank(bytes, from, end)) {
          blankSoFar = false;
          add();
        }
        if (end < size) {
          blankSoFar = true;
          lineStart = length + end + 1;
          lineNumber++;
        }
        from = end + 1;
      }
      length += size;
    }

    /** Returns the number of lines that aren't blank. */
    int count() {
      return count;
    }

    /** Returns a line's number in the file, from 1, blank lines counted. */
    long number(int line) {
      return numbers[line];
    }

    /** Returns the offset, in bytes, of the first byte of a line that isn't blank. */
    long start(int line) {
      return starts[line];
    }

    /** Returns the offset behind a line, its line end, and the blank lines that follow it. */
    long end(int line) {
      return line + 1 < count ? starts[line + 1] : length;
    }

    private static int indexOfNewline(byte[] bytes, int from, int size) {
      int i = from;
      while (i < size && bytes[i] != '\n') {
        i++;
      }
      return i;
    }

    private static boolean isBlank(byte[] bytes, int from, int end) {
      for (int i = from; i < end; i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r') {
          return false;
        }
      }
      return true;
    }

    private void add() {
      if (count == starts.length) {
        int larger = Math.multiplyExact(count, 2);
        starts = Arrays.copyOf(starts, larger);
        numbers = Arrays.copyOf(numbers, larger);
      }
      starts[count] = lineStart;
      numbers[count] = lineNumber;
      count++;
    }
  }
}
