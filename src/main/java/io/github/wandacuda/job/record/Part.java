package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One of the equal commands among which a run's shards are divided.
 *
 * @param number which one, from 1
 * @param of how many there are
 */
public record Part(int number, int of) {
  /** The most parts: more than any model has shards. */
  private static final int MOST = 10_000;

  private static final Pattern FORM = Pattern.compile("([0-9]{1,9})/([0-9]{1,9})");

  private static final Comparator<SafetensorsFile> LARGEST_FIRST =
      Comparator.comparingLong(SafetensorsFile::byteSize)
          .reversed()
          .thenComparing(SafetensorsFile::fileName);

  /**
   * Reads a part such as {@code 3/8}.
   *
   * @throws io.github.wandacuda.error.UsageException for any other text
   */
  public static Part parse(String text) {
    Matcher numbers = FORM.matcher(text);
    if (numbers.matches()) {
      Part part = new Part(Integer.parseInt(numbers.group(1)), Integer.parseInt(numbers.group(2)));
      if (part.number >= 1 && part.number <= part.of && part.of <= MOST) {
        return part;
      }
    }
    throw ErrorDetails.of("`part`")
        .refused(
            "1/N to N/N, with N up to %d".formatted(MOST), "'%s'".formatted(Printable.of(text)));
  }

  /**
   * Checks that a run can be had in parts.
   *
   * @param inPlace whether the model's own shards are pruned
   * @param sampled whether norms come from samples
   * @param masks whether masks come from files
   * @param packed whether the output is packed in the end
   * @throws io.github.wandacuda.error.UsageException if it can't
   */
  public static void check(boolean inPlace, boolean sampled, boolean masks, boolean packed) {
    if (inPlace) {
      throw new UsageException("`part` and `in-place` exclude each other");
    }
    if (sampled) {
      throw ErrorDetails.NOWHERE
          .hint("'wanda-cuda calibrate' writes them")
          .refused("`part` needs `statistics`: samples run through the whole model");
    }
    if (masks) {
      throw new UsageException("`part`: masks from files aren't shared out");
    }
    if (packed) {
      throw ErrorDetails.NOWHERE
          .hint("'wanda-cuda pack' packs the finished model")
          .refused("`part` and `packed` exclude each other");
    }
  }

  /**
   * Returns this part's shards.
   *
   * @param shards of the whole output
   */
  public List<SafetensorsFile> shareOf(List<SafetensorsFile> shards) {
    return shares(shards).get(number - 1);
  }

  /**
   * Divides shards among the parts, about equally by bytes: the largest first, each to the part
   * with the fewest bytes, to the lowest among equal ones. So every process finds the same
   * division.
   *
   * @return one list for each part; some are empty if there are fewer shards
   */
  public List<List<SafetensorsFile>> shares(List<SafetensorsFile> shards) {
    List<List<SafetensorsFile>> shares =
        new ArrayList<>(Stream.generate(() -> new ArrayList<SafetensorsFile>()).limit(of).toList());
    long[] bytes = new long[of];
    for (SafetensorsFile shard : shards.stream().sorted(LARGEST_FIRST).toList()) {
      int least =
          IntStream.range(0, of).boxed().min(Comparator.comparing(part -> bytes[part])).get();
      shares.get(least).add(shard);
      bytes[least] += shard.byteSize();
    }
    return shares;
  }

  @Override
  public String toString() {
    return "part %d of %d".formatted(number, of);
  }

  /**
   * How far a run in parts was when one of them ended.
   *
   * @param part which one ended
   * @param done how many parts have finished their shards
   * @param finished whether the output is complete: the last part has put everything together
   */
  public record PartState(Part part, int done, boolean finished) {
    /** Returns the state of a part with which the output is complete. */
    public static PartState end(Part part) {
      return new PartState(part, part.of(), true);
    }

    /** Returns it as results have it. */
    public Map<String, Object> toJson() {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("number", part.number());
      object.put("of", part.of());
      object.put("done", done);
      object.put("finished", finished);
      return object;
    }

    @Override
    public String toString() {
      return "%s; %d of %d parts are done".formatted(part, done, part.of());
    }
  }

  /**
   * A part's hold on its share of the shards: a locked file in the output. The system releases the
   * lock when the process ends, even if it is killed. A part is only taken under the journal's
   * lock, so whoever has locked the journal knows which parts are at work.
   *
   * @param file the locked file
   * @param channel holds the lock
   */
  public record PartLock(Path file, FileChannel channel) implements AutoCloseable {
    private static final String NAME = AtomicWrite.OWN + ".part-";

    /**
     * Takes a part.
     *
     * @throws io.github.wandacuda.error.UsageException if another process has it
     */
    public static PartLock take(Path output, Part part) {
      return tryTake(file(output, part.number()))
          .orElseThrow(
              () ->
                  ErrorDetails.file(output)
                      .hint("wait for its end")
                      .refused(part + " is at work already"));
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

    /**
     * Returns a part that a process has taken.
     *
     * @param parts how many there are
     */
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
      OutputException.writing(file, channel::close);
    }
  }
}
