package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
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
  private static final int WIDTH = 8;
  private static final int PANEL = 2 * WIDTH;
  private static final int KEYS = 48;

  private static final Map<String, String> COUNTING_TILES =
      Map.of(
          "sum = fma(sum, factor, low + high);", "sum += 1.0f;",
          "results[i][part] / factors[row]", "factors[row]");
  private static final Map<String, String> COUNTING_VECTORS =
      Map.of(
          "*sum = fma(*sum, factor, total);", "*sum += 1.0f;",
          "results[d * PANEL + i] / sums[i]", "sums[i]");

  private static KernelSources changed(String changedFile, Map<String, String> changes) {
    return file -> {
      String source = KernelSources.packed().read(file);
      if (!file.equals(changedFile)) {
        return source;
      }
      for (Map.Entry<String, String> change : changes.entrySet()) {
        assertThat(source).contains(change.getKey());
        source = source.replace(change.getKey(), change.getValue());
      }
      return source;
    };
  }

  /** Returns the tiles that each token's group went through. */
  private static float[] counts(
      AttentionShape shape, KernelSources sources, MatrixVariant variant) {
    Samples samples = new Samples(3);
    try (ForwardDevice device = ForwardDevice.open(sources);
        OpenClForwardKernels kernels = new OpenClForwardKernels(device.queue(), variant)) {
      DeviceRows q = device.copy(samples.tensor(LENGTH, 1));
      DeviceRows out = device.empty(LENGTH, 1, 1);
      kernels.attention(new AttentionOperands<>(q, q, q, shape, null, out));
      return device.floats(out);
    }
  }

  private static float[] expected(IntUnaryOperator tilesOfToken) {
    float[] counts = new float[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
      counts[i] = tilesOfToken.applyAsInt(i);
    }
    return counts;
  }

  private static AttentionShape shape(int window) {
    return new AttentionShape(LENGTH, 0, 1, 1, 1, 1f, 0, window);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 64, 65, 66, 200, 1000})
  void tilesOfGpus(int window) {
    AttentionShape shape = shape(window);
    float[] found =
        counts(shape, changed("attention_tiles.cl", COUNTING_TILES), MatrixVariant.TILES);
    float[] expected =
        expected(i -> i / QUERIES - shape.firstKey(i / QUERIES * QUERIES) / TILE + 1);
    assertThat(found).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 32, 33, 34, 200, 1000})
  void tilesOfProcessors(int window) {
    AttentionShape shape = shape(window);
    float[] found =
        counts(
            shape, changed("attention_vectors.cl", COUNTING_VECTORS), MatrixVariant.vectors(WIDTH));
    float[] expected =
        expected(
            i -> {
              int first = i / PANEL * PANEL;
              int end = Math.min(first + PANEL, LENGTH);
              return Math.ceilDiv(end - shape.firstKey(first), KEYS);
            });
    assertThat(found).isEqualTo(expected);
  }
}
