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
  /** Half of the weights. */
  public static final Sparsity HALF = new Sparsity.Ratio(0.5);

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

  /** Returns what prunes all modules in one way, with a check of the output. */
  public static PruneRequest request(
      Path output, Method method, Sparsity sparsity, Calibration calibration) {
    return request(output, method, sparsity, calibration, true, false);
  }

  /** Returns what prunes all modules in one way. */
  public static PruneRequest request(
      Path output,
      Method method,
      Sparsity sparsity,
      Calibration calibration,
      boolean verify,
      boolean resume) {
    return new PruneRequest(
        output,
        method,
        sparsity,
        ModuleChoice.DEFAULT,
        calibration,
        verify,
        resume,
        Unreached.MAGNITUDE);
  }

  /** Prunes all modules of a model on two threads. */
  public static RunResult prune(
      Path model, Path output, Method method, Sparsity sparsity, Calibration calibration) {
    return prune(model, request(output, method, sparsity, calibration), 2);
  }

  /** Prunes a model as asked. */
  public static RunResult prune(Path model, PruneRequest request, int threads) {
    return prune(model, request, threads, Progress.NONE);
  }

  /** Prunes a model as asked, and says how far it is. */
  public static RunResult prune(Path model, PruneRequest request, int threads, Progress progress) {
    return prune(model, request, threads, progress, MaskSink.NONE);
  }

  /** Prunes a model as asked, says how far it is and gives its masks away. */
  public static RunResult prune(
      Path model, PruneRequest request, int threads, Progress progress, MaskSink masks) {
    try (Backend backend = cpu(threads)) {
      return prune(model, request, backend, progress, masks);
    }
  }

  /** Prunes a model as asked, on a backend. */
  public static RunResult prune(Path model, PruneRequest request, Backend backend) {
    return prune(model, request, backend, Progress.NONE, MaskSink.NONE);
  }

  private static RunResult prune(
      Path model, PruneRequest request, Backend backend, Progress progress, MaskSink masks) {
    try (ModelDirectory directory = ModelDirectory.open(model)) {
      return PruneJob.toOutput(directory, request)
          .run(backend, "test", progress, masks, result -> {});
    }
  }
}
