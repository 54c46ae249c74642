package io.github.wandacuda.pruning;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.Crc32c;
import io.github.wandacuda.checkpoint.Folders;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.json.JsonText;
import io.github.wandacuda.json.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * What an unfinished directory says about itself: the file {@code .wanda-cuda.journal}, a record a
 * line, each a CRC-32C and a JSON object. A line that was cut off by a crash ends the journal.
 *
 * <p>The file is locked as long as it is open, by the system, which lets go of it when the process
 * ends, however it ends: so two runs can't write to one directory, and a killed one locks nobody
 * out.
 *
 * <p>Once it is open, a thread that may be interrupted must not use it: that would close it.
 */
final class Journal implements AutoCloseable {
  /** The file's name. */
  static final String FILE_NAME = AtomicWrite.OWN + ".journal";

  private static final int CHECKSUM_DIGITS = 8;

  private final Path file;
  private final FileChannel channel;

  private Journal(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Returns whether a directory has a journal. */
  static boolean isIn(Path directory) {
    return Files.exists(directory.resolve(FILE_NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Opens a directory's journal, or makes an empty one, and locks it.
   *
   * @throws UsageException if another run has locked it
   * @throws OutputException if it can't be made
   */
  static Journal open(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    try {
      FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      Journal journal = new Journal(file, channel);
      try {
        journal.lock(directory);
        return journal;
      } catch (IOException | RuntimeException | Error e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  private void lock(Path directory) throws IOException {
    if (!tryLock() || !isStillThere()) {
      throw new UsageException(
          Printable.of(directory) + ": another run is at work in this directory; wait for its end");
    }
  }

  private boolean tryLock() throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  /** The other run may have finished, and taken its journal away, between opening and locking. */
  private boolean isStillThere() throws IOException {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS) && Files.size(file) == channel.size();
  }

  /** Returns the file's content, which is something else than records in the end of a run. */
  byte[] content() {
    try {
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size()));
      int read;
      do {
        read = channel.read(bytes, bytes.position());
      } while (read > 0);
      return bytes.array();
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  /** Returns the records up to the first that isn't whole, and forgets what comes from there on. */
  List<JsonNode> records() {
    List<JsonNode> records = new ArrayList<>();
    byte[] content = content();
    int from = 0;
    for (int end = lineEnd(content, from); end >= 0; end = lineEnd(content, from)) {
      JsonNode record = record(content, from, end);
      if (record == null) {
        break;
      }
      records.add(record);
      from = end + 1;
    }
    truncate(from);
    return records;
  }

  private static int lineEnd(byte[] content, int from) {
    for (int at = from; at < content.length; at++) {
      if (content[at] == '\n') {
        return at;
      }
    }
    return -1;
  }

  /** Returns the record of a line, or null if it isn't one. */
  private static JsonNode record(byte[] content, int from, int end) {
    int start = from + CHECKSUM_DIGITS + 1;
    if (start > end || content[start - 1] != ' ') {
      return null;
    }
    String checksum = new String(content, from, CHECKSUM_DIGITS, StandardCharsets.US_ASCII);
    MemorySegment json = MemorySegment.ofArray(content).asSlice(start, end - start);
    if (!checksum.equals(hex(Crc32c.of(json)))) {
      return null;
    }
    try {
      return JsonTree.read(new ByteArrayInputStream(content, start, end - start));
    } catch (IOException e) {
      return null;
    }
  }

  private void truncate(long length) {
    try {
      channel.truncate(length);
      channel.position(length);
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  /** Begins anew with one record, which is on the device when this returns. */
  void restart(Map<String, ?> record) {
    truncate(0);
    append(record);
    force();
    Folders.force(file.toAbsolutePath().getParent());
  }

  /** Adds a record: it survives the process from here on, a power failure once it is forced. */
  void append(Map<String, ?> record) {
    byte[] json = JsonText.line(record).getBytes(StandardCharsets.UTF_8);
    String checksum = hex(Crc32c.of(MemorySegment.ofArray(json)));
    ByteBuffer line = ByteBuffer.allocate(CHECKSUM_DIGITS + 1 + json.length + 1);
    line.put(checksum.getBytes(StandardCharsets.US_ASCII)).put((byte) ' ');
    line.put(json).put((byte) '\n').flip();
    try {
      while (line.hasRemaining()) {
        channel.write(line);
      }
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  /** Forces the records to the device. */
  void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  /** Returns where the file is. */
  Path file() {
    return file;
  }

  /**
   * Puts a record of the finished run in the journal's place, and gives it a name of its own: at
   * every moment there is the one or the other.
   *
   * @param content of the record
   * @param record its name
   */
  void becomes(byte[] content, Path record) {
    if (File.separatorChar == '\\') {
      // Windows replaces no file that is open. The lock has done its work.
      close();
    }
    AtomicWrite.write(file, out -> out.write(content));
    rename(file, record);
  }

  /** Does the second step, which an interrupted run has left undone. */
  void rename(Path record) {
    if (File.separatorChar == '\\') {
      close();
    }
    rename(file, record);
  }

  private static void rename(Path file, Path record) {
    try {
      Files.move(file, record, StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      if (!Files.exists(record)) {
        throw unwritable(record, e);
      }
      // A run that came in between the two steps has done this one.
    } catch (IOException e) {
      throw unwritable(record, e);
    }
    Folders.force(record.toAbsolutePath().getParent());
  }

  private static String hex(int checksum) {
    return HexFormat.of().toHexDigits(checksum);
  }

  private static OutputException unwritable(Path file, IOException e) {
    return new OutputException(
        "%s: can't be written: %s".formatted(Printable.of(file), Reason.of(e)), e);
  }

  /** Unlocks the file, which stays. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }
}
