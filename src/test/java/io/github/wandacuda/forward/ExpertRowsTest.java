package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows that go to experts and come back: the scalar code's bits everywhere. */
@EachBackend
class ExpertRowsTest extends OperationCases {
  ExpertRowsTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void rowsComeAndGoBackWeighed() {
    each(
        operands -> {
          Tensor x = operands.in(Samples.of(3, 1, 2, 3, 4, 5, 6));
          Tensor some = operands.out(2, 2);
          operands.operations().gatherRows(x, new int[] {2, 2}, some);
          assertThat(operands.values(some).data()).containsExactly(5, 6, 5, 6);
          operands.operations().addRows(some, new int[] {2, 0}, new float[] {10f, -1f}, x);
          operands.operations().addRows(some.rows(0, 0), new int[0], new float[0], x);
          return operands.values(x);
        },
        x -> assertThat(x.data()).containsExactly(-4, -4, 3, 4, 55, 66));
  }

  private static float[] factors(int count) {
    float[] factors = new float[count];
    for (int i = 0; i < count; i++) {
      factors[i] = 0.3f * i - 2;
    }
    return factors;
  }

  @Test
  void rowsOfEveryWidthAreAddedToTheSameBits() {
    int[] rows = IntStream.range(0, 20).map(i -> 2 * i).toArray();
    for (int columns : WIDTHS) {
      sameBits(
          columns + " columns",
          operands -> {
            Samples samples = new Samples(columns);
            Tensor x = operands.in(samples.spoil(samples.tensor(20, columns), 100));
            Tensor sum = operands.in(samples.tensor(40, columns));
            operands.operations().addRows(x, rows, factors(20), sum);
            return operands.values(sum);
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "5, 9, 7", "40, 81, 1030", "300, 300, 3", "70000, 70000, 2"})
  void manyRowsAreGatheredAndAdded(int count, int tokens, int columns) {
    Samples samples = new Samples(count);
    CpuTensor x = samples.spoil(samples.tensor(tokens, columns), 50);
    int[] rows = IntStream.range(0, count).map(i -> (tokens - 1) / count * i).toArray();
    int[] distinct = IntStream.range(0, count).map(i -> tokens - 1 - i).toArray();
    sameBits(
        "gatherRows",
        operands -> {
          Tensor out = operands.out(count, columns);
          operands.operations().gatherRows(operands.in(x), rows, out);
          return operands.values(out);
        });
    CpuTensor some = samples.tensor(count, columns);
    CpuTensor weights = samples.tensor(1, count);
    float[] factors = new float[count];
    System.arraycopy(weights.data(), weights.at(0), factors, 0, count);
    sameBits(
        "addRows",
        operands -> {
          Tensor sum = operands.in(x);
          operands.operations().addRows(operands.in(some), distinct, factors, sum);
          return operands.values(sum);
        });
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "7, 0", "64, 0", "64, 1", "1030, 0", "4096, 0"})
  void edgesAreGatheredAndAddedAtAnyPlace(int columns, int offset) {
    int[] rows = {5, 0, 2};
    Samples samples = new Samples(3);
    CpuTensor x = samples.withEdges(6, columns, 3);
    CpuTensor others = samples.tensor(6, columns);
    sameBits(
        "gatherRows",
        operands -> {
          Tensor some = operands.out(3, columns, offset);
          operands.operations().gatherRows(operands.in(x, offset), rows, some);
          return operands.values(some);
        });
    sameBits(
        "addRows",
        operands -> {
          Tensor some = operands.out(3, columns, offset);
          Tensor sum = operands.in(others);
          operands.operations().gatherRows(operands.in(x, offset), rows, some);
          operands.operations().addRows(some, rows, new float[] {0.3f, -1.7f, 1e-30f}, sum);
          return operands.values(sum);
        });
  }
}
