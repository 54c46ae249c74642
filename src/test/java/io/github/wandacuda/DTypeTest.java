package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.Samples;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What elements stand for, one by one and in rows, and what numbers become as elements. */
class DTypeTest {
  static Stream<Arguments> kinds() {
    return Arrays.stream(DType.values())
        .flatMap(
            dtype ->
                Arrays.stream(Samples.Layout.values()).map(layout -> Arguments.of(dtype, layout)));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void readsPartsOfRows(DType dtype, Samples.Layout layout) {
    WeightMatrix matrix = new Samples(1).weight(dtype, 3, 2500, layout);
    for (int[] part : new int[][] {{0, 2500}, {1, 1024}, {7, 1025}, {2499, 1}, {5, 0}}) {
      float[] found = new float[part[1] + 2];
      float[] expected = new float[part[1] + 2];
      for (int i = 0; i < part[1]; i++) {
        expected[1 + i] = matrix.get(2, part[0] + i);
      }
      matrix.read(2, part[0], part[1], found, 1);
      assertThat(found).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void widensEveryPattern(DType dtype) {
    int patterns = 1 << 16;
    MemorySegment data = Arena.ofAuto().allocate(patterns * 2L);
    var layout = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < patterns; i++) {
      data.set(layout, 2L * i, (short) i);
    }
    float[] found = new float[patterns];
    dtype.read(data, 0, 1, found, 0, patterns);
    for (int i = 0; i < patterns; i++) {
      double expected = dtype == DType.F16 ? value(i, 10, 15) : value(i, 7, 127);
      if (Double.isNaN(expected)) {
        assertThat(found[i]).isNaN();
        assertThat(dtype.value(i)).isNaN();
        assertThat(dtype.rounded(found[i])).isNaN();
      } else {
        assertThat((double) found[i]).isEqualTo(expected);
        assertThat(dtype.value(i)).isEqualTo(found[i]);
        assertThat(dtype.value(data, 2L * i)).isEqualTo(found[i]);
        assertThat(dtype.bits(found[i])).isEqualTo(i);
        assertThat(dtype.bits(data, 2L * i)).isEqualTo(i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aNumberBecomesTheNearestElement(DType dtype) {
    MemorySegment data = Arena.ofAuto().allocate(3L * dtype.bytes());
    data.fill((byte) 0x55);
    for (int bits : new int[] {0, 1, 2, 0x3c00, 0x3c01, 0x8000, 0xbf81}) {
      float element = dtype.value(bits);
      float next = dtype.value(bits + 1);
      float even = bits % 2 == 0 ? element : next;
      float middle = (float) (((double) element + next) / 2);
      if (dtype != DType.F32) {
        assertThat(dtype.rounded(middle)).isEqualTo(even);
        assertThat(dtype.rounded(Math.nextAfter(middle, element))).isEqualTo(element);
        assertThat(dtype.rounded(Math.nextAfter(middle, next))).isEqualTo(next);
      }
      dtype.put(data, dtype.bytes(), element);
      assertThat(dtype.bits(data, dtype.bytes())).isEqualTo(bits);
    }
    for (int edge = 0; edge < dtype.bytes(); edge++) {
      assertThat(data.get(ValueLayout.JAVA_BYTE, edge)).isEqualTo((byte) 0x55);
      assertThat(data.get(ValueLayout.JAVA_BYTE, 2L * dtype.bytes() + edge)).isEqualTo((byte) 0x55);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void aNumberThatIsTooLargeBecomesInfinite(DType dtype) {
    assertThat(dtype.rounded(Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(dtype.rounded(-Float.MAX_VALUE)).isEqualTo(Float.NEGATIVE_INFINITY);
    // Its fraction lies in the bits that BF16 hasn't.
    assertThat(dtype.rounded(Float.intBitsToFloat(0x7f80_0001))).isNaN();
  }

  /** What a 16-bit float of sign, exponent and fraction stands for (IEEE 754-2019, section 3.4). */
  private static double value(int bits, int fractionBits, int bias) {
    int fraction = bits & ((1 << fractionBits) - 1);
    int exponents = 1 << (15 - fractionBits);
    int exponent = (bits >> fractionBits) & (exponents - 1);
    double one = 1 << fractionBits;
    double size;
    if (exponent == exponents - 1) {
      size = fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
    } else if (exponent == 0) {
      size = fraction / one * Math.pow(2, 1 - bias);
    } else {
      size = (1 + fraction / one) * Math.pow(2, exponent - bias);
    }
    return bits >= 1 << 15 ? -size : size;
  }

  @Test
  void readsBeyondTheReachOfAnInt(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("sparse");
    int rows = (1 << 11) + 2;
    int columns = 1 << 20;
    long bytes = (long) rows * columns * Short.BYTES;
    try (FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment data = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      WeightMatrix matrix = WeightMatrix.of(data, DType.BF16, rows, columns);
      data.set(
          ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
          matrix.byteOffset(rows - 1, columns - 1),
          (short) 0x3F80);
      float[] found = new float[2];
      matrix.read(rows - 1, columns - 2, 2, found, 0);
      assertThat(found).containsExactly(0f, 1f);
    }
  }
}
