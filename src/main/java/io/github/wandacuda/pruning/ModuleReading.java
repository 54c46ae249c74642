package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a dense module and its pruned copy tell when both are read again, for a report: after a
 * resumed run and of a finished output too. Sums are taken in the order of columns and rows, so
 * they are the same on any number of threads.
 *
 * @param zeros weights of the copy that are zero
 * @param zeroRows rows of the copy that hold nothing else
 * @param lost {@code Σ (w - v)² n² / Σ w² n²} with weights w, pruned weights v and the norms n of
 *     their input columns: the relative output error if no two columns were correlated. Without
 *     norms n is 1. Nothing where the divisor is 0 or infinite
 * @param thresholds of rows, where the mask is that of Wanda's or magnitude's scores
 */
public record ModuleReading(
    long zeros, int zeroRows, OptionalDouble lost, Optional<RowThresholds> thresholds) {
  private static final Logger LOG = LoggerFactory.getLogger(ModuleReading.class);

  /** The threshold of a row that has no zeros. */
  private static final float NONE = -1;

  /**
   * How far up the scores of rows were pruned. A row's threshold is the highest score of a weight
   * that the mask takes out: |w| times the norm of its input column, rounded to float32, or |w|
   * where a method has no norms. A zero that was kept has the score 0.
   *
   * @param lowest the lowest threshold of a row
   * @param median the middle one, or the lower of the two
   * @param highest the highest one
   */
  public record RowThresholds(float lowest, float median, float highest) {
    private static RowThresholds of(RowReading[] rows) {
      List<Float> sorted =
          Arrays.stream(rows)
              .map(RowReading::threshold)
              .filter(threshold -> threshold != NONE)
              .sorted()
              .toList();
      return new RowThresholds(
          sorted.getFirst(), sorted.get((sorted.size() - 1) / 2), sorted.getLast());
    }
  }

  /**
   * Reads modules.
   *
   * @param pruned the directory of the copy, in shards of the same names; or its file in GGUF
   * @param rules of the run, which say how weights were scored
   * @param results of the run, which say which modules and their norms
   * @param backend gives the number of threads
   * @return what each module tells, by its name
   * @throws io.github.wandacuda.error.InputException if a shard can't be read
   */
  public static Map<String, ModuleReading> of(
      Path pruned, PruningRules rules, List<ModuleResult> results, Backend backend) {
    Map<String, ModuleReading> all = new LinkedHashMap<>();
    Map<SafetensorsFile, SafetensorsFile> shards = new LinkedHashMap<>();
    try (Workers workers = new Workers(backend.concurrency());
        TilePairs buffers = TilePairs.of(workers.count())) {
      for (ModuleResult result : results) {
        LinearModule module = result.module();
        SafetensorsFile shard =
            shards.computeIfAbsent(module.shard(), source -> open(pruned, source));
        Pair pair =
            new Pair(
                TilePairs.tiles(module, module.shard(), buffers.dense()),
                TilePairs.tiles(module, shard, buffers.pruned()),
                result.norms(),
                rules.of(module).scoringNorms(result.norms()),
                new RowReading[module.rows()]);
        ModuleReading reading =
            pair.read(workers, module.columns(), hasThresholds(rules.of(module), result));
        if (reading.thresholds.isPresent() && !Float.isFinite(reading.thresholds.get().highest)) {
          LOG.warn("{}: scores of its rows are beyond float32", module.name());
        }
        all.put(module.name(), reading);
      }
    } finally {
      shards.values().forEach(SafetensorsFile::close);
    }
    return all;
  }

  /** Opens the copy of a shard. */
  private static SafetensorsFile open(Path pruned, SafetensorsFile source) {
    return GgufCheckpoint.is(source)
        ? GgufCheckpoint.open(pruned).checkpoint().shards().getFirst()
        : SafetensorsFile.open(pruned.resolve(source.fileName()));
  }

  private static boolean hasThresholds(ModuleRules rules, ModuleResult result) {
    return rules.isByTiles()
        && (rules.method() == Method.MAGNITUDE || result.norms() != null)
        && !Unreached.isUnreached(result.norms());
  }

  /**
   * Returns the result of a module whose run left nothing else behind.
   *
   * @param module with its norms, unless they are gone, and no counts
   * @param rules of the run, which say how many of the zeros the mask takes out
   */
  public ModuleResult of(ModuleResult module, PruningRules rules) {
    LinearModule which = module.module();
    ModuleRules own = rules.of(which);
    long pruned =
        own.zerosArePruned()
            ? zeros
            : own.perRow(which.columns()).count(which.rows(), which.columns());
    return new ModuleResult(which, pruned, zeros, zeroRows, module.norms(), null);
  }

  /**
   * What a row in both models tells.
   *
   * @param threshold as in {@link RowThresholds}, or {@link #NONE}
   * @param lost its share of the sum of what was lost
   * @param whole its share of the sum that this is divided by
   */
  private record RowReading(int zeros, float threshold, double lost, double whole) {}

  /**
   * A module in both models.
   *
   * @param norms by which errors are weighed, or null
   * @param scoring the norms that weights were scored with, or null
   * @param rows takes what each row tells
   */
  @SuppressWarnings("ArrayRecordComponent")
  private record Pair(
      TileSource dense, TileSource pruned, float[] norms, float[] scoring, RowReading[] rows) {
    ModuleReading read(Workers workers, int columns, boolean hasThresholds) {
      workers.run(dense.tiles().count(), this::read);

      long all = 0;
      int zeroRows = 0;
      double gone = 0;
      double divisor = 0;
      for (RowReading row : rows) {
        all += row.zeros();
        zeroRows += row.zeros() == columns ? 1 : 0;
        gone += row.lost();
        divisor += row.whole();
      }
      return new ModuleReading(
          all,
          zeroRows,
          divisor > 0 && Double.isFinite(divisor)
              ? OptionalDouble.of(gone / divisor)
              : OptionalDouble.empty(),
          hasThresholds && all > 0 ? Optional.of(RowThresholds.of(rows)) : Optional.empty());
    }

    private void read(int worker, int tile) {
      WeightMatrix before = dense.read(worker, tile);
      WeightMatrix after = pruned.read(worker, tile);
      int columns = before.columns();
      float[] weights = new float[columns];
      float[] left = new float[columns];
      for (int row = 0; row < before.rows(); row++) {
        before.read(row, 0, columns, weights, 0);
        after.read(row, 0, columns, left, 0);
        rows[dense.tiles().firstRow(tile) + row] = read(weights, left);
      }
    }

    private RowReading read(float[] weights, float[] left) {
      float highest = NONE;
      int count = 0;
      double all = 0;
      double gone = 0;
      for (int column = 0; column < left.length; column++) {
        float norm = norms == null ? 1 : norms[column];
        if (left[column] == 0) {
          count++;
          float magnitude = Math.abs(weights[column]);
          highest = Math.max(highest, scoring == null ? magnitude : magnitude * scoring[column]);
        }
        double before = (double) weights[column] * norm;
        double change = ((double) weights[column] - left[column]) * norm;
        all += before * before;
        gone += change * change;
      }
      return new RowReading(count, highest, gone, all);
    }
  }
}
