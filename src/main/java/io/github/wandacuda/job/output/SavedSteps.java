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
 * The losses that a search has measured step by step, kept in the unfinished output until its run
 * ends. The file has one line, as a {@link Journal} has them, which also says what the losses
 * depend on.
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

  /** Returns steps that are never known and not kept. */
  public static SavedSteps none() {
    return new SavedSteps(null, null);
  }

  /**
   * Returns the steps that an interrupted run has left, or none if the file is missing or damaged.
   *
   * @param directory the unfinished output
   * @param fingerprint what the losses depend on
   * @throws io.github.wandacuda.error.UsageException if another search has left the file
   */
  public static SavedSteps in(Path directory, Fingerprint fingerprint) {
    SavedSteps steps = new SavedSteps(directory.resolve(FILE_NAME), fingerprint);
    if (areIn(directory)) {
      JournalLines.first(InputFile.bytes(steps.file))
          .ifPresent(
              saved -> {
                fingerprint.requireSame(directory, Fingerprint.of(saved.path("search")));
                // A loss that isn't finite is a text, since JSON has no number for it.
                saved.path("losses").forEach(loss -> steps.losses.add(loss.asDouble(Double.NaN)));
              });
    }
    return steps;
  }

  /** Returns whether a directory has such a file. */
  static boolean areIn(Path directory) {
    return Files.isRegularFile(directory.resolve(FILE_NAME), LinkOption.NOFOLLOW_LINKS);
  }

  /** Returns how many of the next steps are known already. */
  public int known() {
    return losses.size() - next;
  }

  /** Returns the loss of the next step. Unless it is known, it is measured and saved. */
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
