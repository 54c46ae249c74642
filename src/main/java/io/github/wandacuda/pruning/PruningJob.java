package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.LinearModule;
import java.util.List;
import java.util.function.Consumer;

/** A pruning run that is checked and ready to begin. */
public sealed interface PruningJob permits PruneJob, InPlaceJob {
  /** Returns the modules that will be pruned, in code-point order of their names. */
  List<LinearModule> chosen();

  /** Returns what the run takes. */
  RunNeeds needs(Backend backend);

  /** Returns how long the run is likely to take, from doing a little of it. */
  TimeEstimate estimate(Backend backend);

  /**
   * Checks that there is room for the run, as the run itself does first.
   *
   * @throws io.github.wandacuda.error.OutputException if what is to be written can't be, or its
   *     disk has no room for it
   * @throws io.github.wandacuda.error.UsageException if there isn't memory enough
   */
  void requireRoom(Backend backend);

  /**
   * Prunes, checks, and declares the result finished.
   *
   * @param backend does the work; stays the caller's to close
   * @param version of this program, for {@code wanda-cuda.json}
   * @param beforeEnd what belongs to the run and is done right before the result is declared
   *     finished: if it fails, the result isn't
   * @throws io.github.wandacuda.error.UsageException if what is there belongs to another run, or
   *     another one is at work in it
   * @throws io.github.wandacuda.error.InputException if a weight, norm or activation is not finite,
   *     or a file is broken
   * @throws io.github.wandacuda.error.OutputException if the result can't be written
   * @throws io.github.wandacuda.error.VerificationException if what was written is not what it
   *     should be
   * @throws io.github.wandacuda.error.CancelledException if the thread is interrupted
   */
  PruneResult run(
      Backend backend, String version, Progress progress, Consumer<PruneResult> beforeEnd);
}
