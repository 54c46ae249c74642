package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.io.FileModes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Optional;
import java.util.Set;

/** The file of a {@link Journal}, opened for one run alone. */
final class JournalFile {
  private JournalFile() {}

  /**
   * Opens a directory's journal, or makes an empty one, and locks it.
   *
   * @throws Journal.Busy if another run has locked it
   * @throws OutputException if it can't be made
   */
  static FileChannel open(Path directory) {
    Path file = directory.resolve(Journal.FILE_NAME);
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
          throw new Journal.Busy(directory);
        }
        return channel;
      } catch (IOException e) {
        channel.close();
        if (!there) {
          // An interrupt, say: the empty file would stand for an interrupted run.
          Files.deleteIfExists(file);
        }
        throw e;
      } catch (RuntimeException | Error e) {
        channel.close();
        throw e;
      }
    } catch (NoSuchFileException | FileAlreadyExistsException e) {
      throw Files.isDirectory(directory)
          ? new Journal.Busy(directory)
          : OutputException.unwritable(file, e);
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /**
   * Refuses a link or a file with a second name: a write would change a file that isn't the run's.
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

  /** Makes a file. */
  static FileChannel create(Path file, FileAttribute<?>... attributes) throws IOException {
    return FileChannel.open(
        file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
        attributes.length == 0 ? FileModes.ownerOnly() : attributes);
  }
}
