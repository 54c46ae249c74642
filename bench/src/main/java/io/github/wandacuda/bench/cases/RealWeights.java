package io.github.wandacuda.bench.cases;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.bench.common.WeightBytes;
import io.github.wandacuda.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;

/** The bundled model's weights. */
final class RealWeights {
  /** Seen from the repository's root, where benchmarks are started. */
  static final Path MODEL = Path.of("testdata/models/tiny-llama");

  private RealWeights() {}

  /** Returns the weights of all linear modules, row by row. */
  static float[] read() {
    try (Checkpoint checkpoint = Checkpoint.open(MODEL);
        Arena arena = Arena.ofConfined()) {
      List<WeightMatrix> matrices =
          checkpoint
              .tensors()
              .filter(entry -> entry.info().name().endsWith("_proj.weight"))
              .map(entry -> WeightBytes.matrix(entry.shard(), entry.info(), arena))
              .toList();
      long count = matrices.stream().mapToLong(WeightMatrix::elements).sum();
      float[] weights = new float[Math.toIntExact(count)];
      int filled = 0;
      for (WeightMatrix matrix : matrices) {
        for (int row = 0; row < matrix.rows(); row++) {
          for (int column = 0; column < matrix.columns(); column++) {
            weights[filled++] = matrix.get(row, column);
          }
        }
      }
      return weights;
    }
  }
}
