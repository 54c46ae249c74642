package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Consumer;
import org.assertj.core.api.AbstractThrowableAssert;

/** Runs of the pruning job in short. */
public final class Pruning {
  /** Half of the weights. */
  public static final Sparsity HALF = new Sparsity.Ratio(0.5);

  private Pruning() {}

  /** Opens the CPU. */
  public static Backend cpu(int threads) {
    return Backends.open("cpu", 0, threads).backend();
  }

  /** Returns a fraction, or a pattern such as 2:4. */
  public static Sparsity sparsity(String amount) {
    return amount.contains(":")
        ? SparsityParser.pattern(amount)
        : new Sparsity.Ratio(Double.parseDouble(amount));
  }

  /** Returns the rules of a method as {@code compare} names it, such as wanda+swaps. */
  public static ModuleRules rules(String what, String amount) {
    return ModuleRules.of(what, sparsity(amount), EnumSet.allOf(Method.class), "method");
  }

  /** Returns what prunes all modules by rules, with a check of the output. */
  public static PruneRequest request(
      Path output, ModuleRules rules, Calibration calibration, boolean resume) {
    PruningRules all = new PruningRules(rules, Unreached.MAGNITUDE);
    return request(output, all, calibration, resume);
  }

  /** Returns what prunes all modules by rules, with a check of the output. */
  public static PruneRequest request(
      Path output, PruningRules rules, Calibration calibration, boolean resume) {
    return PruneRequest.of(output, rules).calibration(calibration).resume(resume).build();
  }

  /** Returns the same request with another use of the disk. */
  public static PruneRequest storing(PruneRequest other, IoMode io, Duration saveEvery) {
    return other.toBuilder().storage(new PruneRequest.Storage(io, saveEvery)).build();
  }

  /** Takes the norms from a statistics file. */
  public static Calibration statistics(Path file) {
    return new Calibration.FromStatistics(file, Statistics.read(file), () -> "0".repeat(64));
  }

  /** Takes the norms from token lists. */
  public static Calibration samples(List<int[]> samples) {
    return new Calibration.FromSamples(samples, "0".repeat(64), 0, false);
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
    Unreached magnitude = Unreached.MAGNITUDE;
    ModuleChoice all = ModuleChoice.DEFAULT;
    return request(output, method, sparsity, all, calibration, verify, resume, magnitude);
  }

  /** Returns what prunes some modules in one way. */
  public static PruneRequest request(
      Path output,
      Method method,
      Sparsity sparsity,
      ModuleChoice choice,
      Calibration calibration,
      boolean verify,
      boolean resume,
      Unreached unreached) {
    PruningRules rules = new PruningRules(ModuleRules.of(method, sparsity), unreached);
    return PruneRequest.of(output, rules)
        .choice(choice)
        .calibration(calibration)
        .verify(verify)
        .resume(resume)
        .build();
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
      return PruneJob.toOutput(directory, request).run(backend, progress, masks, result -> {});
    }
  }

  /**
   * Runs something until a step of its progress is done, where its thread is interrupted, which
   * ends it; other threads may have done more meanwhile.
   */
  public static AbstractThrowableAssert<?, ?> stopped(long step, Consumer<Progress> run) {
    Thread caller = Thread.currentThread();
    Progress stop =
        (what, done, total, share) -> {
          if (done >= step) {
            caller.interrupt();
          }
        };
    var cancelled =
        assertThatThrownBy(() -> run.accept(stop)).isInstanceOf(CancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    return cancelled;
  }
}
