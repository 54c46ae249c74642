package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.RandomCodes;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Quantized weights in linear layers: the elements that {@link QuantizedMatrix} says, to the bit
 * but for the sign of 0.
 */
@EachBackend(variants = TestedBackend.OPENCL_TILES)
class WidenCodesTest extends OperationCases {
  WidenCodesTest(OpenedBackend backend) {
    super(backend);
  }

  /** Multiplies by units, of more tokens than are multiplied by codes, and of one for a column. */
  private void agree(String what, QuantizedMatrix matrix) {
    agree(what, matrix, matrix.columns() + 4);
    if (matrix.columns() == 1) {
      agree(what, matrix, 1);
    }
  }

  private void agree(String what, QuantizedMatrix matrix, int tokens) {
    int columns = matrix.columns();
    CpuTensor units = CpuTensor.zeros(tokens, columns);
    CpuTensor expected = CpuTensor.zeros(tokens, matrix.rows());
    for (int token = 0; token < tokens; token++) {
      int column = token % columns;
      units.data()[token * columns + column] = 1;
      for (int row = 0; row < matrix.rows(); row++) {
        matrix.read(row, column, 1, expected.data(), token * matrix.rows() + row);
        expected.data()[token * matrix.rows() + row] += 0f;
      }
    }
    each(
        operands -> {
          Tensor out = operands.out(tokens, matrix.rows(), 1);
          try (Weight weight = operands.operations().weight(matrix)) {
            operands.operations().linear(operands.in(units), weight, null, out);
            return operands.values(out);
          }
        },
        found ->
            assertThat(Samples.bits(found))
                .as("%s, %d tokens", what, tokens)
                .isEqualTo(Samples.bits(expected)));
  }

  private static QuantizedMatrix column(
      NumberFormat format, byte[] codes, NumberFormat scale, MemorySegment scales, float divisor) {
    int bits = Math.min(Byte.SIZE, format.bits());
    return new QuantizedMatrix(
        Codes.of(MemorySegment.ofArray(codes), format, bits, codes.length, 1, 1),
        Scales.of(scales, scale, 1, 1, 1).withFactor(divisor, true));
  }

  /** Infinities and NaN too, which don't meet others here. */
  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"F16", "BF16", "F32"})
  void everyCodeIsItsNumber(NumberFormat format) {
    byte[] codes = new byte[1 << format.bits()];
    for (int code = 0; code < codes.length; code++) {
      codes[code] = (byte) code;
    }
    MemorySegment ones = MemorySegment.ofArray(new byte[codes.length]).fill((byte) 0x38);
    agree(format.name(), column(format, codes, NumberFormat.E4M3, ones, 1));
    agree(
        format + " as a scale",
        column(
            NumberFormat.E4M3,
            ones.toArray(ValueLayout.JAVA_BYTE),
            format == NumberFormat.E2M1 ? NumberFormat.E4M3 : format,
            MemorySegment.ofArray(codes),
            1));
  }

  /** Numbers from the smallest to the largest, and quotients in all of their range. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "F32"})
  void quotientsAreTheNearest(NumberFormat format) {
    Random random = new Random(format.ordinal());
    byte[] ones = new byte[700];
    Arrays.fill(ones, (byte) 1);
    for (int exponent = -149; exponent < 128; exponent += 23) {
      byte[] bits = new byte[ones.length * format.bits() / Byte.SIZE];
      random.nextBytes(bits);
      MemorySegment scales = MemorySegment.ofArray(bits);
      for (float mantissa : new float[] {1, random.nextFloat(1, 2)}) {
        float divisor = Math.scalb(mantissa, exponent);
        agree(
            "%s / %s".formatted(format, divisor),
            column(NumberFormat.UNSIGNED, ones, format, scales, divisor));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyShapeAgrees(RandomCodes kind) {
    Random random = new Random(kind.ordinal());
    for (int round = 0; round < 30; round++) {
      QuantizedMatrix matrix = kind.random(random);
      agree("%d: %s".formatted(round, matrix), matrix);
    }
  }

  /** As many tokens as are multiplied by codes, and one more; runs of columns, and many of them. */
  @ParameterizedTest
  @CsvSource({"1, 5, 70", "2, 17, 300", "3, 16, 257", "4, 33, 513", "5, 3, 300", "1, 2, 4500"})
  void everyNumberOfTokensAgrees(int tokens, int rows, int columns) {
    for (RandomCodes kind : RandomCodes.values()) {
      QuantizedMatrix matrix = kind.random(new Random(columns), rows, columns);
      Samples samples = new Samples(tokens);
      CpuTensor x = samples.tensor(tokens, columns);
      CpuTensor bias = tokens % 2 == 0 ? null : samples.tensor(1, rows);
      sameBits(
          matrix.toString(),
          operands -> {
            Tensor out = operands.out(tokens, rows, 1);
            Tensor biases = bias == null ? null : operands.in(bias, 1);
            try (Weight weight = operands.operations().residentWeight(matrix)) {
              operands.operations().linear(operands.in(x, 1), weight, biases, out);
            }
            return operands.values(out);
          });
    }
  }
}
