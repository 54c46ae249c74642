package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import jdk.incubator.vector.VectorShape;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

/** The two matrix kernels at sizes that nobody chose. */
class VectorForwardPropertiesTest {
  private static final Map<VectorShape, BothKernels> KERNELS = new ConcurrentHashMap<>();

  @Provide
  Arbitrary<VectorShape> shapes() {
    return Arbitraries.of(VectorShape.S_128_BIT, VectorShape.S_256_BIT);
  }

  @Property
  void linear(
      @ForAll("shapes") VectorShape shape,
      @ForAll @IntRange(min = 1, max = 5) int threads,
      @ForAll @IntRange(min = 1, max = 230) int tokens,
      @ForAll @IntRange(min = 1, max = 300) int features,
      @ForAll @IntRange(min = 1, max = 600) int columns,
      @ForAll DType dtype,
      @ForAll long seed) {
    WeightMatrix w = new Samples(seed).weight(dtype, features, columns, Samples.Layout.ROWS);
    KERNELS
        .computeIfAbsent(shape, BothKernels::new)
        .agree(
            threads,
            "linear",
            operations -> {
              Samples samples = new Samples(~seed);
              CpuTensor x = samples.tensor(tokens, columns);
              CpuTensor out = samples.tensor(tokens, features);
              operations.linear(x, operations.weight(w), samples.tensor(1, features), out);
              return out;
            });
  }

  @Property
  void attention(
      @ForAll("shapes") VectorShape shape,
      @ForAll @IntRange(min = 1, max = 5) int threads,
      @ForAll @IntRange(min = 1, max = 3) int sequences,
      @ForAll @IntRange(min = 1, max = 300) int length,
      @ForAll @IntRange(min = 1, max = 3) int shared,
      @ForAll @IntRange(min = 1, max = 3) int group,
      @ForAll @IntRange(min = 1, max = 40) int size,
      @ForAll long seed) {
    AttentionShape heads = new AttentionShape(length, 0, shared * group, shared, size, 0.4f, 0, 0);
    KERNELS
        .computeIfAbsent(shape, BothKernels::new)
        .agree(
            threads,
            "attention",
            operations -> {
              Samples samples = new Samples(seed);
              CpuTensor q = samples.tensor(sequences * length, shared * group * size);
              CpuTensor k = samples.tensor(sequences * length, shared * size);
              CpuTensor v = samples.tensor(sequences * length, shared * size);
              CpuTensor out = samples.tensor(sequences * length, shared * group * size);
              operations.attention(q, k, v, heads, null, out);
              return out;
            });
  }

  /**
   * Runs an operation on scalar kernels and on vector kernels of one width. The vector kernels are
   * the same for all calls, so that their buffers hold what an earlier call left there.
   */
  private static final class BothKernels {
    private final CpuForwardKernels vector;

    BothKernels(VectorShape shape) {
      vector = ShapedKernels.load(CpuForwardKernels.class, "simd.VectorForward", shape);
    }

    /**
     * Checks that both give the same bits.
     *
     * @param threads of the vector kernels
     * @param work makes its inputs, the same each time, and returns its result
     */
    void agree(int threads, String what, Function<Operations, CpuTensor> work) {
      int[] expected = Samples.bits(run(new ScalarForward(), 1, work));
      int[] found = Samples.bits(run(vector, threads, work));
      assertThat(found).as(what).isEqualTo(expected);
    }

    private static CpuTensor run(
        CpuForwardKernels kernels, int threads, Function<Operations, CpuTensor> work) {
      try (Workers workers = new Workers(threads)) {
        return work.apply(CpuOperations.checked(kernels, workers));
      }
    }
  }
}
