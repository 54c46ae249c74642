package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.backend.Gpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights that came ahead are those that {@link Operations#weight} makes. */
@Tag("gpu")
class WeightsAheadTest {
  private static final int ROWS = 37;
  private static final int COLUMNS = 51;
  private static final WeightsAhead.Shape SHAPE = new WeightsAhead.Shape(DType.F32, ROWS, COLUMNS);
  private static final int TOKENS = 3;

  private static WeightMatrix matrix(Arena arena, int rows, int columns, float factor) {
    MemorySegment data = arena.allocate((long) rows * columns * Float.BYTES, 64);
    for (long i = 0; i < (long) rows * columns; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, factor * (i % 101 - 50));
    }
    return WeightMatrix.of(data, DType.F32, rows, columns);
  }

  private static float[] product(Operations operations, Weight weight) {
    float[] input = new float[TOKENS * COLUMNS];
    for (int i = 0; i < input.length; i++) {
      input[i] = i % 7 - 3;
    }
    float[] result = new float[TOKENS * ROWS];
    try (Tensor x = operations.tensor(TOKENS, COLUMNS);
        Tensor out = operations.tensor(TOKENS, ROWS)) {
      operations.upload(MemorySegment.ofArray(input), x);
      operations.linear(x, weight, null, out);
      operations.download(out, MemorySegment.ofArray(result));
    }
    return result;
  }

  /** One lies row by row and one column by column, and pinned memory is used a second time. */
  @ParameterizedTest
  @EnumSource
  void theyAreMultipliedLikeOthers(Gpu gpu) {
    try (Backend backend = gpu.open();
        Arena arena = Arena.ofShared()) {
      Operations operations = backend.operations();
      for (float factor : new float[] {1, -3}) {
        List<WeightMatrix> matrices =
            List.of(
                matrix(arena, ROWS, COLUMNS, factor),
                matrix(arena, COLUMNS, ROWS, factor / 2).transposed());
        try (WeightsAhead ahead = operations.weightsAhead(List.of(SHAPE, SHAPE)).orElseThrow()) {
          matrices.forEach(ahead::send);
          List<Weight> weights = ahead.take();
          for (int i = 0; i < weights.size(); i++) {
            try (Weight came = weights.get(i);
                Weight usual = operations.weight(matrices.get(i))) {
              assertThat(came.rows()).isEqualTo(ROWS);
              assertThat(came.columns()).isEqualTo(COLUMNS);
              assertThat(product(operations, came)).isEqualTo(product(operations, usual));
              assertThat(backend.resident(came)).isPresent();
            }
          }
        }
      }
    }
  }

  @Test
  @Tag("pretend")
  void whatWasNotTakenOrHasNoRoomLeavesNothingBehind() {
    PretendCuda driver = PretendCuda.start();
    driver.memory(64 << 20);
    // As much as may be taken, at a quarter each, before only a quarter is left.
    WeightsAhead.Shape quarter = new WeightsAhead.Shape(DType.F32, 4096, 1024);
    try (Backend backend = Backends.open("cuda", 0, 2).backend();
        Arena arena = Arena.ofShared()) {
      Operations operations = backend.operations();
      operations.weightsAhead(List.of(quarter)).orElseThrow().close();
      Map<String, Long> before = driver.outstanding();
      assertThat(operations.weightsAhead(List.of(quarter, quarter, quarter, quarter))).isEmpty();
      assertThat(driver.outstanding()).isEqualTo(before);
      try (WeightsAhead ahead = operations.weightsAhead(List.of(SHAPE, SHAPE)).orElseThrow()) {
        ahead.send(matrix(arena, ROWS, COLUMNS, 1));
        assertThatThrownBy(ahead::take).isInstanceOf(IllegalStateException.class);
        WeightMatrix other = matrix(arena, COLUMNS, ROWS, 1);
        assertThatThrownBy(() -> ahead.send(other)).isInstanceOf(IllegalArgumentException.class);
      }
      assertThat(driver.outstanding()).isEqualTo(before);
    }
  }
}
