package io.github.wandacuda.job.estimate;

import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.EmbeddingDescription;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;

/**
 * The bytes that a run reads of its source until everything is pruned, each counted as often as it
 * is read. Vectors are small and don't count.
 *
 * @param scope of the run
 * @param devices how many devices samples run on, each of which reads the blocks
 * @param onDevice whether weights go to the devices' own memory, where masks are found; a weight in
 *     host memory is pruned where samples have read it
 */
public record SourceReads(RunScope scope, int devices, boolean onDevice) {
  /**
   * How often a matrix is read for its threshold: for the upper halves of magnitudes, then for the
   * lower ones.
   */
  private static final int THRESHOLD = 2;

  /** Returns how often a module's file is read to prune it. */
  public static int times(ModuleRules rules) {
    if (!rules.isByTiles()) {
      return 2; // To find the mask, and to write what it leaves.
    }
    return rules.needsThreshold() ? THRESHOLD + 1 : 1;
  }

  /** Returns the bytes of a model's tensors, without the headers of their files. */
  public static long ofTensors(ModelDirectory model) {
    return model.checkpoint().tensors().mapToLong(entry -> entry.info().bytes()).sum();
  }

  public long bytes() {
    long untouched = ofTensors(scope.model()) - bytes(scope.chosen());
    if (!(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
      return untouched + toPrune(module -> times(scope.rules().of(module)));
    }
    return untouched
        + devices * bytes(scope.model().modules())
        + embeddings(samples.samples())
        + toPrune(this::timesAfterSamples);
  }

  private static long bytes(List<LinearModule> modules) {
    return modules.stream().mapToLong(module -> module.tensor().bytes()).sum();
  }

  private long toPrune(ToIntFunction<LinearModule> times) {
    return scope.chosen().stream()
        .mapToLong(module -> times.applyAsInt(module) * module.tensor().bytes())
        .sum();
  }

  /** Returns how often a module's file is read after samples have read its block. */
  private int timesAfterSamples(LinearModule module) {
    if (!onDevice) {
      return 0;
    }
    ModuleRules rules = scope.rules().of(module);
    boolean whole = scope.rules().needMoments() || !rules.isByTiles();
    // All blocks but the first are sent to the device while the block before runs, and aren't kept
    // in host memory.
    boolean kept = devices == 1 && LinearModules.block(module.name()).orElse(0) == 0;
    if (whole) {
      return kept ? 0 : 2;
    }
    return times(rules);
  }

  /**
   * Returns the bytes of the rows that are looked up for samples: those of their tokens and
   * positions.
   */
  private long embeddings(List<int[]> samples) {
    ModelConfig config = scope.model().config();
    DecoderDescription decoder = DecoderFamilies.of(config).describe(config);
    EmbeddingDescription embedding = decoder.embedding();
    int length = samples.get(0).length;
    long bytes = (long) samples.size() * length * rowBytes(decoder, embedding.table());
    if (embedding.positions() != null) {
      long batches = Math.ceilDiv(samples.size(), SampleBatch.size(samples, decoder.batchTokens()));
      bytes += batches * length * rowBytes(decoder, embedding.positions().table());
    }
    return bytes;
  }

  private long rowBytes(DecoderDescription decoder, String table) {
    return decoder.prefixes().stream()
        .map(prefix -> scope.model().checkpoint().find(prefix + table))
        .flatMap(Optional::stream)
        .map(Checkpoint.Entry::info)
        .filter(info -> info.isMatrix() && info.bytes() > 0)
        .mapToLong(info -> info.bytes() / info.shape().getFirst())
        .findFirst()
        .orElse(0);
  }
}
