package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The convolution of each column by itself: the scalar code's bits everywhere. */
@EachBackend
class ConvolveTest extends OperationCases {
  ConvolveTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void eachTokenSeesTheLastOnesOfItsSequence() {
    CpuTensor x = Samples.of(4, 1, 10, 2, 20, 3, 30, 4, 40);
    CpuTensor weights = Samples.of(3, 100, 1, 10, 1, 1, 1);
    each(
        operands -> {
          Tensor out = operands.out(4, 2);
          operands.operations().convolve(operands.in(x), operands.in(weights), 2, out);
          return operands.values(out);
        },
        out -> assertThat(out.data()).containsExactly(1, 10, 12, 30, 3, 30, 34, 70));
  }

  @Test
  void rowsBeforeTheFirstTokenAreSeen() {
    CpuTensor x = Samples.of(4, 1, 2, 3, 4);
    CpuTensor weights = Samples.of(3, 100, 10, 1);
    each(
        operands -> {
          Tensor out = operands.out(2, 1);
          operands.operations().convolve(operands.in(x), operands.in(weights), 2, out);
          return operands.values(out);
        },
        out -> assertThat(out.data()).containsExactly(123, 234));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 0, 1",
    "1, 5, 4, 0, 17",
    "3, 7, 4, 3, 33",
    "2, 2, 4, 0, 257",
    "2, 3, 4, 1, 300",
    "70, 1000, 2, 0, 1",
    "1, 3, 9, 8, 16"
  })
  void everySizeGivesTheSameBits(int sequences, int length, int kernel, int before, int columns) {
    Samples samples = new Samples(columns);
    CpuTensor x = samples.spoil(samples.tensor(sequences * (before + length), columns), 60);
    CpuTensor weights = samples.tensor(kernel, columns);
    sameBits(
        "convolve",
        operands -> {
          Tensor out = operands.out(sequences * length, columns);
          operands.operations().convolve(operands.in(x), operands.in(weights), length, out);
          return operands.values(out);
        });
  }
}
