package io.github.wandacuda.testing;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.PruneRequest;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.Unreached;
import java.nio.file.Path;
import java.util.List;

/** Runs of the pruning job in short. */
public final class Pruning {
  private Pruning() {}

  /** Opens the CPU. */
  public static Backend cpu(int threads) {
    return Backends.open("cpu", 0, threads).backend();
  }

  /** Takes the norms from a statistics file. */
  public static Calibration statistics(Path file) {
    return new Calibration.FromStatistics(file, Statistics.read(file), "0".repeat(64));
  }

  /** Takes the norms from token lists. */
  public static Calibration samples(List<int[]> samples) {
    return new Calibration.FromSamples(samples, "0".repeat(64), 0);
  }

  /** Prunes all modules of a model on two threads. */
  public static RunResult prune(
      Path model, Path output, Method method, Sparsity sparsity, Calibration calibration) {
    return prune(
        model,
        new PruneRequest(
            output,
            method,
            sparsity,
            ModuleChoice.DEFAULT,
            calibration,
            true,
            false,
            Unreached.MAGNITUDE),
        2);
  }

  /** Prunes a model as asked. */
  public static RunResult prune(Path model, PruneRequest request, int threads) {
    try (ModelDirectory directory = ModelDirectory.open(model);
        Backend backend = cpu(threads)) {
      return PruneJob.toOutput(directory, request)
          .run(backend, "test", Progress.NONE, MaskSink.NONE, result -> {});
    }
  }
}
