package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.opencl.FirstOpenCl;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.Thorough;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Attention computes no tile of keys that all of its queries are hidden from: kernels are changed
 * so that they count the tiles that they go through, and return that.
 */
@Tag("gpu")
@Thorough
class HiddenTilesTest {
  private static final int LENGTH = 700;
  private static final int QUERIES = 64;
  private static final int TILE = 64;
  private static final int PANEL = 2 * 8;
  private static final int KEYS = 48;

  private static final Map<String, String> COUNTING_TILES =
      Map.of(
          "sum = fma(sum, factor, low + high);", "sum += 1.0f;",
          "results[i][part] / factors[row]", "factors[row]");
  private static final Map<String, String> COUNTING_VECTORS =
      Map.of(
          "*sum = fma(*sum, factor, total);", "*sum += 1.0f;",
          "results[d * PANEL + i] / sums[i]", "sums[i]");

  /** Checks how many tiles each token's group goes through. */
  private static void check(
      AttentionShape shape,
      String file,
      Map<String, String> counting,
      IntUnaryOperator tilesOfToken) {
    float[] expected = new float[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
      expected[i] = tilesOfToken.applyAsInt(i);
    }
    try (Backend counter = FirstOpenCl.changed(file, counting);
        Operands operands = new Operands(counter.operations())) {
      Tensor q = operands.in(new Samples(3).tensor(LENGTH, 1));
      Tensor out = operands.out(LENGTH, 1);
      operands.operations().attention(q, q, q, shape, null, out);
      assertThat(operands.values(out).data()).isEqualTo(expected);
    }
  }

  private static AttentionShape shape(int window) {
    return new AttentionShape(LENGTH, 0, 1, 1, 1, 1f, 0, window);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 64, 65, 66, 200, 1000})
  void tilesOfGpus(int window) {
    AttentionShape shape = shape(window);
    check(
        shape,
        "attention_tiles.cl",
        COUNTING_TILES,
        i -> i / QUERIES - shape.firstKey(i / QUERIES * QUERIES) / TILE + 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 32, 33, 34, 200, 1000})
  void tilesOfProcessors(int window) {
    AttentionShape shape = shape(window);
    check(
        shape,
        "attention_vectors.cl",
        COUNTING_VECTORS,
        i -> {
          int first = i / PANEL * PANEL;
          int end = Math.min(first + PANEL, LENGTH);
          return Math.ceilDiv(end - shape.firstKey(first), KEYS);
        });
  }
}
