package io.github.wandacuda.job.verify;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks an output whose run was stopped between its last two steps: its record is written and
 * hasn't got its name. The shards may have changed since, which only reading them shows.
 */
public final class EarlierOutput {
  private static final Logger LOG = LoggerFactory.getLogger(EarlierOutput.class);

  private EarlierOutput() {}

  /**
   * Checks an output by its record.
   *
   * @param dense the whole source, even if parts of it were removed first
   * @param verify whether outputs are checked; if not, a warning says that this one wasn't
   * @return what is wrong first, or nothing
   */
  public static Optional<String> firstFailure(
      ModelDirectory dense, Path output, Provenance record, boolean verify, Progress progress) {
    if (!verify) {
      LOG.warn(
          "{}: completed, and not checked, since this run was told to leave that out",
          Printable.of(output));
      return Optional.empty();
    }
    LOG.info(
        "{}: a run was stopped before its last step; what it wrote is checked",
        Printable.of(output));
    int threads = Runtime.getRuntime().availableProcessors();
    return Verifier.firstFailure(dense, output, record, threads, progress);
  }
}
