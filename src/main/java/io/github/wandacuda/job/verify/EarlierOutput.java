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
 * The check of an output whose run was stopped between its last two steps: its record is written,
 * and has not got its name. Whatever happened to the shards since, only a look at them tells.
 */
public final class EarlierOutput {
  private static final Logger LOG = LoggerFactory.getLogger(EarlierOutput.class);

  private EarlierOutput() {}

  /**
   * Returns what is wrong first with an output by its record, or nothing.
   *
   * @param dense the whole source, also where parts of it were removed first
   * @param verify whether outputs are checked; if not, a warning says that this one wasn't
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
