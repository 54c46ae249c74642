package io.github.wandacuda.job.output;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.record.Fingerprint;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;

/**
 * The losses of steps in the order of a search, kept in the unfinished output until its run ends:
 * in a file of one line, as a {@link Journal} has them, which also says what they depend on.
 */
public final class SavedSteps {
  public static final String FILE_NAME = AtomicWrite.OWN + ".steps";

  private final Path file;
  private final Fingerprint fingerprint;
  private final List<Double> losses = new ArrayList<>();
  private int next;

  private SavedSteps(Path file, Fingerprint fingerprint) {
    this.file = file;
    this.fingerprint = fingerprint;
  }

  /** Returns what knows nothing and keeps nothing. */
  public static SavedSteps none() {
    return new SavedSteps(null, null);
  }

  /** Returns what an interrupted run has left, or nothing if that is damaged. */
  public static SavedSteps in(Path directory, Fingerprint fingerprint) {
    SavedSteps steps = new SavedSteps(directory.resolve(FILE_NAME), fingerprint);
    if (areIn(directory)) {
      JournalLines.first(InputFile.bytes(steps.file))
          .ifPresent(
              saved -> {
                fingerprint.requireSame(directory, Fingerprint.of(saved.path("search")));
                // JSON has no number for a loss that isn't finite.
                saved.path("losses").forEach(loss -> steps.losses.add(loss.asDouble(Double.NaN)));
              });
    }
    return steps;
  }

  static boolean areIn(Path directory) {
    return Files.isRegularFile(directory.resolve(FILE_NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /** Returns how many of the next steps needn't be measured. */
  public int known() {
    return losses.size() - next;
  }

  /** Returns the loss of the next step, which is measured and kept unless it is known. */
  public double next(DoubleSupplier measure) {
    if (known() == 0) {
      losses.add(measure.getAsDouble());
      if (file != null) {
        byte[] line = JournalLines.line(Map.of("search", fingerprint.parts(), "losses", losses));
        AtomicWrite.replace(file, out -> out.write(line), FileModes.ownerOnly());
      }
    }
    return losses.get(next++);
  }
}
