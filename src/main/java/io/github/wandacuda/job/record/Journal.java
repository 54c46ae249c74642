package io.github.wandacuda.job.record;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.io.json.JsonText;
import io.github.wandacuda.io.json.JsonTree;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
public final class Journal implements AutoCloseable {
  /** The file's name. */
  static final String FILE_NAME = AtomicWrite.OWN + ".journal";

  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  private static final int CHECKSUM_DIGITS = 8;

  private static final int LONGEST_FIRST = 64 << 20;

  private final Path file;
  private final FileChannel channel;
  private FileChannel successor;

  private Journal(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** Returns whether a directory has a journal. */
  public static boolean isIn(Path directory) {
    return Files.exists(directory.resolve(FILE_NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Opens a directory's journal, or makes an empty one, and locks it.
   *
   * @throws UsageException if another run has locked it
   * @throws OutputException if it can't be made
   */
  public static Journal open(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    try {
      boolean there = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
      if (there) {
        requireOwn(file);
      }
      Optional<Object> before = FileIdentity.of(file);
      FileChannel channel = there ? openExisting(file) : create(file);
      try {
        // The other run may have finished, and put another file in its place, in between.
        boolean same = !there || before.equals(FileIdentity.of(file));
        if (!AtomicWrite.tryLock(channel)
            || !same
            || !Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
          throw busy(directory);
        }
        return new Journal(file, channel);
      } catch (IOException | RuntimeException | Error e) {
        channel.close();
        throw e;
      }
    } catch (NoSuchFileException | FileAlreadyExistsException e) {
      throw Files.isDirectory(directory) ? busy(directory) : OutputException.unwritable(file, e);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Nothing is written through a link or to a file that has a second name elsewhere. */
  private static void requireOwn(Path file) {
    String found = null;
    if (Files.isSymbolicLink(file)) {
      found = "a link";
    } else if (!Files.isRegularFile(file)) {
      found = "no regular file";
    } else if (FileIdentity.names(file) > 1) {
      found = "one with a second name (hard link)";
    }
    if (found != null) {
      throw new OutputException(
          ErrorDetails.file(file)
              .expected("a journal of the run's own", found)
              .hint("nothing is written to it; take it away"));
    }
  }

  private static FileChannel openExisting(Path file) throws IOException {
    return FileChannel.open(
        file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
  }

  private static FileChannel create(Path file, FileAttribute<?>... attributes) throws IOException {
    return FileChannel.open(
        file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
        attributes.length == 0 ? FileModes.ownerOnly() : attributes);
  }

  private static UsageException busy(Path directory) {
    return new UsageException(
        ErrorDetails.file(directory)
            .said("another run is at work in this directory")
            .hint("wait for its end"));
  }

  /** Returns the file's content, which is something else than records in the end of a run. */
  byte[] content() {
    try {
      long most = Runtime.getRuntime().maxMemory() / 4;
      if (channel.size() > Math.min(most, Integer.MAX_VALUE - Long.BYTES)) {
        throw new InputException(
            ErrorDetails.file(file)
                .expected("a journal that fits into memory", channel.size() + " bytes")
                .hint("give Java more with -Xmx, or begin anew in another directory"));
      }
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size()));
      int read;
      do {
        read = channel.read(bytes, bytes.position());
      } while (read > 0);
      return bytes.array();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Returns what a finished run has put in the journal's place, if that has happened. */
  public Optional<Provenance> finished() {
    byte[] content = content();
    if (content.length == 0 || content[0] != '{') {
      return Optional.empty();
    }
    try {
      return Optional.of(Provenance.read(new ByteArrayInputStream(content), file));
    } catch (IOException | InputException e) {
      LOG.debug("{} is no finished record", file, e);
      return Optional.empty();
    }
  }

  /** Returns the first record of a directory's journal, whoever is at work there, if it has one. */
  static Optional<JsonNode> firstRecord(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] content = in.readNBytes(LONGEST_FIRST);
      return Optional.ofNullable(record(content, 0, Math.max(0, lineEnd(content, 0))));
    } catch (IOException e) {
      LOG.debug("{} can't be read", file, e);
      return Optional.empty();
    }
  }

  /** Returns the records up to the first that isn't whole, and forgets what comes from there on. */
  public List<JsonNode> records() {
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
      throw OutputException.unwritable(file, e);
    }
  }

  /** Begins anew with one record, which is on the device when this returns. */
  public void restart(Map<String, ?> record) {
    truncate(0);
    append(record);
    force();
    Folders.forceParent(file);
  }

  /** Adds a record: it survives the process from here on, a power failure once it is forced. */
  public void append(Map<String, ?> record) {
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
      throw OutputException.unwritable(file, e);
    }
  }

  /** Forces the records to the device. */
  public void force() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Returns where the file is. */
  public Path file() {
    return file;
  }

  /**
   * Puts a record of the finished run in the journal's place, and gives it a name of its own: at
   * every moment there is the one or the other.
   *
   * @param content of the record
   * @param record its name
   * @param attributes what the record's file gets, see {@link FileModes}
   */
  public void becomes(byte[] content, Path record, FileAttribute<?>... attributes) {
    succeed(content, attributes);
    rename(record);
  }

  /**
   * Does the first step. What takes the journal's place is locked before, as the journal is, so
   * that no other run takes it for the journal of one that has ended.
   */
  void succeed(byte[] content, FileAttribute<?>... attributes) {
    Path next = AtomicWrite.temporary(file);
    try {
      Files.deleteIfExists(next);
      successor = create(next, attributes);
      ByteBuffer bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        successor.write(bytes);
      }
      successor.force(true);
      if (File.separatorChar == '\\') {
        // Windows replaces no file that is open. The lock has done its work.
        close();
      } else {
        successor.lock();
      }
      AtomicWrite.moveOver(next, file);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Does the second step, which an interrupted run has left undone. */
  public void rename(Path record) {
    if (File.separatorChar == '\\') {
      close();
    }
    rename(file, record);
  }

  private static void rename(Path file, Path record) {
    try {
      Files.move(file, record, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw OutputException.unwritable(record, e);
    }
    Folders.forceParent(record);
  }

  private static String hex(int checksum) {
    return HexFormat.of().toHexDigits(checksum);
  }

  /** Unlocks the file, which stays. */
  @Override
  public void close() {
    try (FileChannel last = successor) {
      channel.close();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }
}
