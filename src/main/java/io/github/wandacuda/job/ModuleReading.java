package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.TileSource;
import io.github.wandacuda.pruning.Unreached;
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
   */
  public record RowThresholds(float lowest, float median, float highest) {
    private static RowThresholds of(float[] thresholds) {
      float[] sorted = thresholds.clone();
      Arrays.sort(sorted);
      int first = 0;
      while (sorted[first] == NONE) {
        first++;
      }
      int last = sorted.length - 1;
      return new RowThresholds(sorted[first], sorted[(first + last) / 2], sorted[last]);
    }
  }

  /**
   * Reads modules.
   *
   * @param pruned the directory of the copy, in shards of the same names
   * @param results of the run, which say which modules and their norms
   */
  public static Map<String, ModuleReading> of(
      Path pruned, PruningRules rules, List<ModuleResult> results, Backend backend) {
    Map<String, ModuleReading> all = new LinkedHashMap<>();
    Map<Path, SafetensorsFile> shards = new LinkedHashMap<>();
    try (Workers workers = new Workers(backend.concurrency());
        TilePairs buffers = TilePairs.of(workers.count())) {
      for (ModuleResult result : results) {
        LinearModule module = result.module();
        SafetensorsFile shard =
            shards.computeIfAbsent(
                pruned.resolve(module.shard().fileName()), SafetensorsFile::open);
        Pair pair =
            Pair.of(
                TilePairs.tiles(module, module.shard(), buffers.dense()),
                TilePairs.tiles(module, shard, buffers.pruned()),
                result.norms(),
                rules.of(module).scoringNorms(result.norms()));
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

  /** A module in both models. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Pair(
      TileSource dense,
      TileSource pruned,
      float[] norms,
      float[] scoring,
      int[] zeros,
      float[] thresholds,
      double[] lost,
      double[] whole) {
    static Pair of(TileSource dense, TileSource pruned, float[] norms, float[] scoring) {
      int rows = dense.tiles().rows();
      return new Pair(
          dense,
          pruned,
          norms,
          scoring,
          new int[rows],
          new float[rows],
          new double[rows],
          new double[rows]);
    }

    ModuleReading read(Workers workers, int columns, boolean hasThresholds) {
      workers.run(dense.tiles().count(), this::read);

      long all = 0;
      int zeroRows = 0;
      for (int row : zeros) {
        all += row;
        zeroRows += row == columns ? 1 : 0;
      }
      double divisor = sum(whole);
      return new ModuleReading(
          all,
          zeroRows,
          divisor > 0 && Double.isFinite(divisor)
              ? OptionalDouble.of(sum(lost) / divisor)
              : OptionalDouble.empty(),
          hasThresholds && all > 0 ? Optional.of(RowThresholds.of(thresholds)) : Optional.empty());
    }

    private static double sum(double[] rows) {
      double sum = 0;
      for (double row : rows) {
        sum += row;
      }
      return sum;
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
        read(dense.tiles().firstRow(tile) + row, weights, left);
      }
    }

    private void read(int row, float[] weights, float[] left) {
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
      zeros[row] = count;
      whole[row] = all;
      lost[row] = gone;
      thresholds[row] = highest;
    }
  }
}
