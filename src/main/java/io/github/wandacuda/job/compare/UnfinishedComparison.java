package io.github.wandacuda.job.compare;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import io.github.wandacuda.job.output.JournalLines;
import io.github.wandacuda.job.record.Fingerprint;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The runs of a comparison that are done while others aren't, in a file beside its report: {@code
 * report.html.unfinished}. It is written anew after each run, and removed once the report is there.
 */
public final class UnfinishedComparison {
  private static final String DENSE = "dense";

  private final Path file;
  private final Fingerprint fingerprint;
  private final List<ComparedRun> runs = new ArrayList<>();
  private Optional<DenseFigures> dense = Optional.empty();

  private UnfinishedComparison(Path file, Fingerprint fingerprint) {
    this.file = file;
    this.fingerprint = fingerprint;
  }

  public static boolean isBeside(Path report) {
    return Files.exists(fileOf(report), LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Returns a comparison of which nothing is done.
   *
   * @param overwrite whether it may take the place of an unfinished one
   * @throws UsageException if a file that no comparison wrote has the name of its own, or an
   *     unfinished one is there
   */
  public static UnfinishedComparison begin(
      Path report, Fingerprint fingerprint, boolean overwrite) {
    UnfinishedComparison comparison = new UnfinishedComparison(fileOf(report), fingerprint);
    boolean there = isBeside(report);
    if (there && JournalLines.first(InputFile.bytes(comparison.file)).isEmpty()) {
      throw ErrorDetails.file(comparison.file)
          .hint("take it away, or name another report")
          .refused("nothing, or the runs of a comparison", "another file");
    }
    if (there && !overwrite) {
      throw new UsageException(
          ErrorDetails.file(comparison.file)
              .said("holds the runs of an unfinished comparison")
              .hint("`resume` goes on with it, `overwrite` begins anew"));
    }
    return comparison;
  }

  /**
   * Returns what an interrupted comparison has done, if it has begun.
   *
   * @param fingerprint of what runs are measured with, which must be the same
   * @throws UsageException if the file is of another comparison
   */
  public static UnfinishedComparison resume(Path report, Fingerprint fingerprint) {
    UnfinishedComparison comparison = begin(report, fingerprint, true);
    if (isBeside(report)) {
      comparison.read();
    }
    return comparison;
  }

  private static Path fileOf(Path report) {
    return report.resolveSibling(report.getFileName() + ".unfinished");
  }

  private void read() {
    List<JsonNode> records = JournalLines.read(InputFile.bytes(file)).records();
    List<String> differences = fingerprint.differencesFrom(Fingerprint.of(records.get(0)));
    if (!differences.isEmpty()) {
      throw new UsageException(
          ErrorDetails.file(file)
              .said("holds runs of another comparison: " + String.join("; ", differences))
              .hint("say `overwrite` in place of `resume` to begin anew"));
    }
    for (JsonNode record : records.subList(1, records.size())) {
      if (record.has(DENSE)) {
        dense = Optional.of(DenseFigures.of(record.path(DENSE)));
      } else {
        runs.add(ComparedRun.of(record));
      }
    }
  }

  public Optional<DenseFigures> dense() {
    return dense;
  }

  /** Returns the run that prunes so, if it is done; a recipe says the sparsity itself. */
  public Optional<ComparedRun> like(String method, Optional<Sparsity> sparsity, String files) {
    return runs.stream()
        .filter(run -> run.method().equals(method) && Objects.equals(run.filesSha256(), files))
        .filter(run -> sparsity.isEmpty() || sparsity.get().equals(run.sparsity()))
        .findFirst();
  }

  public void addDense(DenseFigures figures) {
    dense = Optional.of(figures);
    write();
  }

  public void add(ComparedRun run) {
    runs.add(run);
    write();
  }

  private void write() {
    AtomicWrite.replace(
        file,
        out -> {
          out.write(JournalLines.line(fingerprint.parts()));
          if (dense.isPresent()) {
            out.write(JournalLines.line(Map.of(DENSE, dense.get().toJson())));
          }
          for (ComparedRun run : runs) {
            out.write(JournalLines.line(run.toJson()));
          }
        });
  }

  /** Removes what was kept beside a report, if there is anything. */
  public static void remove(Path report) {
    Path file = fileOf(report);
    OutputException.writing(file, () -> Files.deleteIfExists(file));
  }
}
