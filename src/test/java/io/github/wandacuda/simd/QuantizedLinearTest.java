package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.ScalarWidening;
import io.github.wandacuda.testing.Pruning;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Widening and linear layers of quantized weights: vectors against the scalar kernels. */
class QuantizedLinearTest {
  private final Random random = new Random(7);

  @ParameterizedTest
  @EnumSource(names = {"E4M3", "E5M2", "E2M1", "E8M0", "I8", "UNSIGNED"})
  void everyCodeIsWidenedToTheSameBits(NumberFormat format) {
    byte[] codes = new byte[3 * 256 + 5];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (format == NumberFormat.E2M1 ? i % 16 : i);
    }
    for (float scale : new float[] {1, 0.013f, 0, Float.MIN_VALUE, 1e-40f, 3e35f}) {
      for (float zero : new float[] {0, -0f, 8, 255}) {
        float[] expected = new float[codes.length + 2];
        float[] found = new float[codes.length + 2];
        new ScalarWidening().widen(format, codes, 1, codes.length - 1, zero, scale, expected, 2);
        new VectorWidening().widen(format, codes, 1, codes.length - 1, zero, scale, found, 2);
        assertSame(found, expected, "scale %s, zero %s".formatted(scale, zero));
      }
    }
  }

  private static void assertSame(float[] found, float[] expected, String what) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(Float.floatToIntBits(found[i]))
          .as("%s, element %d: %s, expected %s", what, i, found[i], expected[i])
          .isEqualTo(Float.floatToIntBits(expected[i]));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"blocks", "rows", "large", "nan", "mx", "int4", "int8", "int3", "zeros"})
  void layersOfCodesAreThoseOfTheScalarKernels(String kind) {
    int[][] shapes = {{1, 1}, {33, 300}, {70, 65}};
    try (Backend vector = Pruning.cpu(2);
        Backend scalar = ScalarCpu.open(1);
        Arena arena = Arena.ofShared()) {
      for (int[] shape : shapes) {
        QuantizedMatrix w = matrix(kind, shape[0], shape[1], arena);
        for (int tokens : new int[] {1, 3, 9}) {
          float[] x = new float[tokens * shape[1]];
          for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
          }
          float[] expected = linear(scalar, w, false, x, tokens);
          String what = "%s, %s, %d tokens".formatted(kind, Arrays.toString(shape), tokens);
          assertSame(linear(vector, w, false, x, tokens), expected, what);
          assertSame(linear(vector, w, true, x, tokens), expected, what + ", packed");
        }
      }
    }
  }

  private static float[] linear(
      Backend backend, QuantizedMatrix w, boolean resident, float[] x, int tokens) {
    var operations = backend.operations();
    float[] result = new float[tokens * w.rows()];
    try (Weight weight = resident ? operations.residentWeight(w) : operations.weight(w);
        Tensor in = operations.tensor(tokens, w.columns());
        Tensor out = operations.tensor(tokens, w.rows())) {
      operations.upload(MemorySegment.ofArray(x), in);
      operations.linear(in, weight, null, out);
      operations.download(out, MemorySegment.ofArray(result));
    }
    return result;
  }

  private QuantizedMatrix matrix(String kind, int rows, int columns, Arena arena) {
    return switch (kind) {
      case "blocks" -> ofBytes(NumberFormat.E4M3, rows, columns, 16, 24, 0.01f, arena);
      case "rows" -> ofBytes(NumberFormat.E4M3, rows, columns, 1, columns, 1e-42f, arena);
      case "large" -> ofBytes(NumberFormat.E4M3, rows, columns, 5, 7, 1e4f, arena);
      case "nan" -> {
        QuantizedMatrix w = ofBytes(NumberFormat.E4M3, rows, columns, rows, columns, 1, arena);
        w.codes().set(rows / 2, columns / 2, 0x7f);
        yield w;
      }
      case "mx" -> packed(NumberFormat.E2M1, 4, rows, columns, 32, arena, 0);
      case "int4" -> packed(NumberFormat.UNSIGNED, 4, rows, columns, 16, arena, 8);
      case "int3" -> packed(NumberFormat.UNSIGNED, 3, rows, columns, 12, arena, 4);
      case "int8" -> ofBytes(NumberFormat.I8, rows, columns, 1, 8, 0.1f, arena);
      default -> {
        QuantizedMatrix w = packed(NumberFormat.UNSIGNED, 4, rows, columns, 16, arena, 0);
        byte[] zeros = new byte[rows * w.scales().groups()];
        for (int i = 0; i < zeros.length; i++) {
          zeros[i] = (byte) random.nextInt(16);
        }
        yield new QuantizedMatrix(w.codes(), w.scales().withZeros(zeros));
      }
    };
  }

  private QuantizedMatrix ofBytes(
      NumberFormat format, int rows, int columns, int high, int wide, float scale, Arena arena) {
    MemorySegment codes = bytes((long) rows * columns, arena);
    for (long i = 0; i < codes.byteSize(); i++) {
      byte code = codes.get(ValueLayout.JAVA_BYTE, i);
      boolean nan = format == NumberFormat.E4M3 && (code & 0x7f) == 0x7f;
      codes.set(ValueLayout.JAVA_BYTE, i, nan ? 0 : code);
    }
    int groups = Math.ceilDiv(columns, wide);
    int above = Math.ceilDiv(rows, high);
    MemorySegment scales = arena.allocate((long) groups * above * Float.BYTES, Float.BYTES);
    for (int i = 0; i < groups * above; i++) {
      scales.setAtIndex(ValueLayout.JAVA_FLOAT, i, scale * (1 + random.nextFloat()));
    }
    return new QuantizedMatrix(
        Codes.of(codes, format, Byte.SIZE, rows, columns, columns),
        Scales.of(scales, NumberFormat.F32, high, wide, groups));
  }

  private QuantizedMatrix packed(
      NumberFormat format, int bits, int rows, int columns, int group, Arena arena, int zero) {
    long rowBytes = Math.ceilDiv((long) columns * bits, Byte.SIZE);
    int groups = Math.ceilDiv(columns, group);
    MemorySegment scales = bytes((long) rows * groups, arena);
    for (long i = 0; i < scales.byteSize(); i++) {
      scales.set(ValueLayout.JAVA_BYTE, i, (byte) (110 + random.nextInt(20)));
    }
    return new QuantizedMatrix(
        Codes.of(bytes(rows * rowBytes, arena), format, bits, rows, columns, rowBytes),
        Scales.of(scales, NumberFormat.E8M0, 1, group, groups).withZero(zero));
  }

  private MemorySegment bytes(long count, Arena arena) {
    byte[] bytes = new byte[Math.toIntExact(count)];
    random.nextBytes(bytes);
    return arena.allocate(count).copyFrom(MemorySegment.ofArray(bytes));
  }

  @Test
  void whatIsPackedCountsItsCodes() {
    try (Arena arena = Arena.ofShared();
        Backend vector = Pruning.cpu(1)) {
      QuantizedMatrix w = matrix("mx", 64, 256, arena);
      try (Weight weight = vector.operations().residentWeight(w)) {
        assertThat(weight.ownsMemory()).isEqualTo(Lanes.COUNT >= 8);
      }
    }
  }

  @Test
  void aNaNIsSeenWhicheverThreadPacksItsRow() {
    try (Backend vector = Pruning.cpu(2)) {
      for (int i = 0; i < 1000; i++) {
        try (Arena arena = Arena.ofShared();
            Weight weight = vector.operations().residentWeight(matrix("nan", 70, 65, arena))) {
          assertThat(weight.ownsMemory()).as("%d", i).isFalse();
        }
      }
    }
  }
}
