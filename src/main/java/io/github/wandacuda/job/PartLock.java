package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A part's hold on its share of the shards, by a locked file in the output. The system releases it
 * when the process ends, even if that is killed. It is only taken by who has locked the journal, so
 * who has locked the journal knows who is at work.
 */
final class PartLock implements AutoCloseable {
  private static final String NAME = AtomicWrite.OWN + ".part-";

  private final Path file;
  private final FileChannel channel;

  private PartLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes a part.
   *
   * @throws UsageException if another process has it
   * @throws OutputException if it can't be locked
   */
  public static PartLock take(Path output, Part part) {
    return tryTake(file(output, part.number()))
        .orElseThrow(
            () ->
                new UsageException(
                    ErrorDetails.file(output)
                        .said(part + " is at work already")
                        .hint("wait for its end")));
  }

  private static Path file(Path output, int number) {
    return output.resolve(NAME + number);
  }

  private static Optional<PartLock> tryTake(Path file) {
    try {
      FileChannel channel =
          FileChannel.open(
              file,
              Set.of(
                  StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
              FileModes.ownerOnly());
      if (AtomicWrite.tryLock(channel)) {
        return Optional.of(new PartLock(file, channel));
      }
      channel.close();
      return Optional.empty();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }

  /** Returns a part that is at work, if there is one. */
  public static Optional<Part> atWork(Path output, int parts) {
    return IntStream.rangeClosed(1, parts)
        .filter(number -> isHeld(file(output, number)))
        .mapToObj(number -> new Part(number, parts))
        .findFirst();
  }

  private static boolean isHeld(Path file) {
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    Optional<PartLock> free = tryTake(file);
    free.ifPresent(PartLock::close);
    return free.isEmpty();
  }

  /** Releases the part; the file stays until the run ends. */
  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw OutputException.unwritable(file, e);
    }
  }
}
