package io.github.wandacuda.job.verify;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.reference.WeightReader;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.TileSource;
import io.github.wandacuda.prune.Unreached;
import io.github.wandacuda.system.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How far up the scores of a module's rows were pruned. A row's threshold is the highest score of a
 * weight that the mask takes out: |w| times the norm of its input column, rounded to float32, or
 * |w| where a method has no norms.
 *
 * @param lowest the lowest threshold of a row
 * @param median the middle one, or the lower of the two
 * @param highest the highest one
 */
public record RowThresholds(float lowest, float median, float highest) {
  /** The threshold of a row that has no zeros. */
  private static final float NONE = -1;

  /**
   * Reads a dense model and its pruned copy again. That finds the thresholds after a resumed run
   * too: a weight that was taken out is zero in the copy, and a zero that was kept has the score 0.
   *
   * @param pruned the directory of the copy, in shards of the same names
   * @param rules of the run
   * @param results of the run
   * @return the thresholds by module, without modules of which nothing is pruned, that no sample
   *     reached, or whose mask isn't that of Wanda's or magnitude's scores
   * @throws io.github.wandacuda.error.InputException if a shard can't be read
   */
  public static Map<String, RowThresholds> of(
      Path pruned, PruningRules rules, List<ModuleResult> results, Backend backend) {
    Map<String, RowThresholds> all = new LinkedHashMap<>();
    Map<Path, SafetensorsFile> shards = new LinkedHashMap<>();
    try (Workers workers = new Workers(backend.concurrency());
        TilePairs buffers = new TilePairs(workers.count())) {
      for (ModuleResult result : results) {
        ModuleRules own = rules.of(result.module());
        if (result.pruned() > 0 && own.isByTiles() && !Unreached.isUnreached(result.norms())) {
          SafetensorsFile shard =
              shards.computeIfAbsent(
                  pruned.resolve(result.module().shard().path().getFileName().toString()),
                  SafetensorsFile::open);
          float[] norms = own.method() == Method.MAGNITUDE ? null : result.norms();
          all.put(
              result.module().name(),
              of(
                  new Pair(
                      buffers.dense(result.module(), result.module().shard()),
                      buffers.pruned(result.module(), shard),
                      norms),
                  workers));
        }
      }
    } finally {
      shards.values().forEach(SafetensorsFile::close);
    }
    return all;
  }

  private static RowThresholds of(Pair pair, Workers workers) {
    float[] thresholds = new float[pair.dense.tiles().rows()];
    workers.run(pair.dense.tiles().count(), (worker, tile) -> pair.find(worker, tile, thresholds));
    Arrays.sort(thresholds);
    int first = 0;
    while (thresholds[first] == NONE) {
      first++;
    }
    int last = thresholds.length - 1;
    return new RowThresholds(thresholds[first], thresholds[(first + last) / 2], thresholds[last]);
  }

  /** A module in both models. */
  private static final class Pair {
    private final TileSource dense;
    private final TileSource pruned;
    private final float[] norms;

    Pair(TileSource dense, TileSource pruned, float[] norms) {
      this.dense = dense;
      this.pruned = pruned;
      this.norms = norms;
    }

    void find(int worker, int tile, float[] thresholds) {
      WeightMatrix before = dense.read(worker, tile);
      WeightMatrix after = pruned.read(worker, tile);
      WeightReader reader = new WeightReader();
      int columns = before.columns();
      float[] weights = new float[columns];
      float[] left = new float[columns];
      for (int row = 0; row < before.rows(); row++) {
        reader.read(before, row, 0, columns, weights, 0);
        reader.read(after, row, 0, columns, left, 0);
        thresholds[dense.tiles().firstRow(tile) + row] = threshold(weights, left);
      }
    }

    private float threshold(float[] weights, float[] left) {
      float highest = NONE;
      for (int column = 0; column < left.length; column++) {
        if (left[column] == 0) {
          float magnitude = Math.abs(weights[column]);
          highest = Math.max(highest, norms == null ? magnitude : magnitude * norms[column]);
        }
      }
      return highest;
    }
  }
}
