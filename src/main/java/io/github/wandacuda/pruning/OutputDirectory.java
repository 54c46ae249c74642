package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory that a pruned model is written to. Every file made here is remembered; closing it
 * before it was declared {@link #finished} takes them away again, so that a failed run leaves
 * nothing that looks like a model.
 */
final class OutputDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OutputDirectory.class);

  private final Path directory;
  private final Deque<Path> made = new ArrayDeque<>();
  private boolean finished;

  private OutputDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * Checks that a place can become the output of a model.
   *
   * @throws UsageException if something is there already, or it lies inside the model
   */
  static void check(Path directory, Path model) {
    if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      requireEmpty(directory);
    }
    Path absolute = directory.toAbsolutePath().normalize();
    if (absolute.startsWith(model.toAbsolutePath().normalize())
        || resolved(absolute).startsWith(resolved(model.toAbsolutePath().normalize()))) {
      throw new UsageException(
          "%s: the output can't be inside the model's directory %s".formatted(directory, model));
    }
  }

  /** Returns a path with the links in its existing part followed. */
  private static Path resolved(Path absolute) {
    try {
      return absolute.toRealPath();
    } catch (IOException e) {
      Path parent = absolute.getParent();
      return parent == null ? absolute : resolved(parent).resolve(absolute.getFileName());
    }
  }

  private static void requireEmpty(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new UsageException(directory + ": the output exists and is no directory");
    }
    try (Stream<Path> entries = Files.list(directory)) {
      if (entries.findAny().isPresent()) {
        throw new UsageException(
            directory + ": the output directory exists and is not empty; name another one");
      }
    } catch (IOException e) {
      throw unwritable(directory, e);
    }
  }

  /**
   * Makes the directory.
   *
   * @throws OutputException if that fails
   */
  static OutputDirectory create(Path directory, Path model) {
    check(directory, model);
    OutputDirectory output = new OutputDirectory(directory);
    try {
      output.makeDirectories(directory);
      return output;
    } catch (OutputException e) {
      output.close();
      throw e;
    }
  }

  Path path() {
    return directory;
  }

  /** Returns the path of a file that is about to be made, its folder made already. */
  Path file(String relative) {
    Path file = directory.resolve(relative);
    makeDirectories(file.getParent());
    made.push(file);
    return file;
  }

  private void makeDirectories(Path wanted) {
    if (wanted == null || Files.isDirectory(wanted)) {
      return;
    }
    makeDirectories(wanted.getParent());
    try {
      Files.createDirectory(wanted);
      made.push(wanted);
    } catch (FileAlreadyExistsException e) {
      throw new OutputException(wanted + ": expected a directory, found something else", e);
    } catch (IOException e) {
      throw unwritable(wanted, e);
    }
  }

  /** Copies one of the files that go along with the model. */
  void copy(SideFiles sideFiles, Path relative) {
    file(relative.toString());
    sideFiles.copy(relative, directory);
  }

  /** Writes a small file. */
  void write(byte[] content, String relative) {
    AtomicWrite.write(file(relative), out -> out.write(content));
  }

  private static OutputException unwritable(Path file, IOException e) {
    return new OutputException("%s: can't be written: %s".formatted(file, reason(file, e)), e);
  }

  private static String reason(Path file, IOException e) {
    String message = e.getMessage() == null ? "" : e.getMessage();
    String reason = message.replace(file.toString(), "").replaceFirst("^[: ]+", "");
    String kind = e.getClass().getSimpleName().replace("Exception", "");
    return reason.isEmpty() ? kind : reason;
  }

  /** Declares that the model is complete. */
  void finished() {
    finished = true;
  }

  @Override
  public void close() {
    while (!finished && !made.isEmpty()) {
      Path path = made.pop();
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        // What can't be removed stays; without config.json nothing takes it for a model.
        LOG.debug("{} can't be removed", path, e);
      }
    }
  }
}
