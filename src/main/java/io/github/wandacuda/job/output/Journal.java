package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.job.record.Provenance;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal of an unfinished directory, the file {@code .wanda-cuda.journal}: each line is a
 * record, a CRC-32C and a JSON object. A line that a crash has cut off ends the journal.
 *
 * <p>The file is locked while it is open, so that two runs can't write to one directory. The system
 * releases the lock when the process ends, even if it is killed.
 *
 * <p>A thread that may be interrupted must not use the journal, since an interrupt would close it.
 */
public final class Journal implements AutoCloseable {
  public static final String FILE_NAME = AtomicWrite.OWN + ".journal";

  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

  private static final int LONGEST_FIRST = 64 << 20;

  private final Path file;
  private final FileChannel channel;
  private FileChannel successor;

  private Journal(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** The failure to open a journal that another run has locked. */
  public static final class Busy extends UsageException {
    private static final long serialVersionUID = 1L;

    Busy(ErrorDetails said) {
      super(said.hint("wait for its end"));
    }
  }

  /**
   * Opens a directory's journal, or creates it, and locks it.
   *
   * @param directory has to exist
   * @throws Busy if another run has locked it
   * @throws io.github.wandacuda.error.OutputException if it can't be opened or created
   */
  public static Journal open(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    return new Journal(
        file,
        locked(
            file, ErrorDetails.file(directory).said("another run is at work in this directory")));
  }

  /**
   * Opens the journal of a run that writes a single file, or creates it, and locks it.
   *
   * @param output the file; its folder has to exist
   * @throws Busy if another run has locked it
   * @throws io.github.wandacuda.error.OutputException if it can't be opened or created
   */
  public static Journal openBeside(Path output) {
    Path file = beside(output);
    return new Journal(
        file, locked(file, ErrorDetails.file(output).said("another run is writing it")));
  }

  /** Returns the path of the journal of a run that writes a single file. */
  static Path beside(Path output) {
    return output.resolveSibling(output.getFileName() + FILE_NAME);
  }

  /** Returns the file's content: records or, at the end of a run, the record that replaces them. */
  byte[] content() {
    try {
      long most = Runtime.getRuntime().maxMemory() / 4;
      if (channel.size() > Math.min(most, Integer.MAX_VALUE - Long.BYTES)) {
        throw ErrorDetails.file(file)
            .hint("give Java more with -Xmx, or begin anew in another directory")
            .wrong("a journal that fits into memory", channel.size() + " bytes");
      }
      byte[] bytes = new byte[Math.toIntExact(channel.size())];
      boolean unused = FilePieces.read(channel, 0, MemorySegment.ofArray(bytes));
      return bytes;
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Returns the record of a finished run, if one has replaced the journal and hasn't got its own
   * name yet.
   */
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

  /**
   * Returns the first record of a directory's journal, without locking it.
   *
   * @return nothing if there is no journal, or it has no whole record
   */
  static Optional<JsonNode> firstRecord(Path directory) {
    return firstRecordOf(directory.resolve(FILE_NAME));
  }

  /** Returns the first record of a journal by its own path, likewise. */
  static Optional<JsonNode> firstRecordOf(Path file) {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] content = in.readNBytes(LONGEST_FIRST);
      return JournalLines.first(content);
    } catch (IOException e) {
      LOG.debug("{} can't be read", file, e);
      return Optional.empty();
    }
  }

  /** Returns the records up to the first that isn't whole, and truncates the file there. */
  public List<JsonNode> records() {
    JournalLines lines = JournalLines.read(content());
    truncate(lines.bytes());
    return lines.records();
  }

  private void truncate(long length) {
    OutputException.writing(file, () -> channel.truncate(length).position(length));
  }

  /**
   * Replaces all records by one, which is on the device when this returns.
   *
   * @param record values for JSON, by their keys
   */
  public void restart(Map<String, ?> record) {
    truncate(0);
    append(record);
    force();
    Folders.forceParent(file);
  }

  /**
   * Adds a record. It survives a crash of the process at once, and a power failure after {@link
   * #force}.
   *
   * @param record values for JSON, by their keys
   */
  public void append(Map<String, ?> record) {
    byte[] line = JournalLines.line(record);
    OutputException.writing(file, () -> Channels.newOutputStream(channel).write(line));
  }

  /** Waits until all records are on the device. */
  public void force() {
    OutputException.writing(file, () -> channel.force(true));
  }

  /** Returns the journal's path. */
  public Path file() {
    return file;
  }

  /**
   * Replaces the journal by the record of the finished run, which {@link #rename} then gives its
   * own name. So there is one of the two at every moment; after an interruption in between, {@link
   * #finished} returns the record. The new file is locked before, so that no other run opens it as
   * the journal of a run that has ended.
   *
   * @param content the record's bytes
   * @param attributes the attributes of the record's file, see {@link FileModes}
   */
  public void succeed(byte[] content, FileAttribute<?>... attributes) {
    Path next = AtomicWrite.temporary(file);
    try {
      Files.deleteIfExists(next);
      successor = FileModes.create(next, attributes);
      Channels.newOutputStream(successor).write(content);
      successor.force(true);
      if (File.separatorChar == '\\') {
        // Windows replaces no file that is open, so the lock is released here.
        close();
      } else {
        successor.lock();
      }
      AtomicWrite.moveOver(next, file);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Removes the file, as the last step of a run that leaves no record of itself. */
  public void remove() {
    OutputException.writing(file, () -> Files.delete(file));
    Folders.forceParent(file);
  }

  /**
   * Gives the record that has {@link #succeed replaced} the journal, perhaps in an earlier run, its
   * own name.
   */
  public void rename(Path record) {
    if (File.separatorChar == '\\') {
      close();
    }
    OutputException.writing(record, () -> Files.move(file, record, StandardCopyOption.ATOMIC_MOVE));
    Folders.forceParent(record);
  }

  /** Closes and unlocks the file, which is kept. */
  @Override
  public void close() {
    try (FileChannel last = successor) {
      channel.close();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  private static FileChannel locked(Path file, ErrorDetails busy) {
    try {
      boolean there = Files.exists(file, LinkOption.NOFOLLOW_LINKS);
      if (there) {
        requireOwn(file);
      }
      Optional<Object> before = FileIdentity.of(file);
      FileChannel channel = there ? openExisting(file) : FileModes.create(file);
      try {
        // The other run may have finished, and put another file in its place, in between.
        boolean same = !there || before.equals(FileIdentity.of(file));
        if (!AtomicWrite.tryLock(channel)
            || !same
            || !Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
          throw new Busy(busy);
        }
        return channel;
      } catch (IOException | RuntimeException | Error e) {
        channel.close();
        if (!there && e instanceof IOException) {
          // After an interrupt, for instance: the empty file would look like an interrupted run.
          Files.deleteIfExists(file);
        }
        throw e;
      }
    } catch (NoSuchFileException | FileAlreadyExistsException e) {
      throw Files.isDirectory(file.toAbsolutePath().getParent())
          ? new Busy(busy)
          : OutputException.unwritable(file, e);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Refuses a journal that is a link or has a second name: a write would change a file that isn't
   * the run's.
   */
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
      throw ErrorDetails.file(file)
          .hint("nothing is written to it; take it away")
          .unwritable("a journal of the run's own", found);
    }
  }

  private static FileChannel openExisting(Path file) throws IOException {
    return FileChannel.open(
        file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
  }
}
