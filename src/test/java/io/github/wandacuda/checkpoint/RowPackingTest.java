package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.scalar.ScalarRowPacking;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.simd.VectorRowPacking;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Rows to bits and values and back: the vector code writes what the specification does. */
class RowPackingTest {
  private static final RowPacking SPECIFICATION = new ScalarRowPacking();
  private static final byte UNTOUCHED = 0x5a;

  private static MemorySegment shorts(int... elements) {
    byte[] bytes = new byte[elements.length * 2];
    for (int i = 0; i < elements.length; i++) {
      bytes[2 * i] = (byte) elements[i];
      bytes[2 * i + 1] = (byte) (elements[i] >> 8);
    }
    return MemorySegment.ofArray(bytes);
  }

  @Test
  void theFormatsExample() {
    // [[1, 0, 0, 2, 0, 0, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0, 0, 4, 0, 5]] as compressed-tensors has it
    MemorySegment rows = shorts(1, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 5);
    byte[] mask = new byte[4];
    MemorySegment values = MemorySegment.ofArray(new byte[10 + RowPacking.SLACK]);
    MemorySegment bits = MemorySegment.ofArray(mask);
    int first = SPECIFICATION.pack(rows.asSlice(0, 20), 16, bits, values);
    int second =
        SPECIFICATION.pack(rows.asSlice(20), 16, bits.asSlice(2), values.asSlice(2L * first));
    assertThat(first).isEqualTo(3);
    assertThat(second).isEqualTo(2);
    assertThat(mask).containsExactly(9, 1, 128, 2);
    assertThat(values.asSlice(0, 10).mismatch(shorts(1, 2, 3, 4, 5))).isEqualTo(-1);
  }

  @Test
  void onlyPositiveZeroGoes() {
    int[] halves = {0, 0x8000, 0x7fc0, 0xffff, 1, 0, 0x7f80, 0};
    assertThat(SPECIFICATION.count(shorts(halves), 16)).isEqualTo(5);
    byte[] mask = new byte[1];
    MemorySegment values = MemorySegment.ofArray(new byte[16 + RowPacking.SLACK]);
    SPECIFICATION.pack(shorts(halves), 16, MemorySegment.ofArray(mask), values);
    assertThat(mask).containsExactly(0b01011110);
    assertThat(values.asSlice(0, 10).mismatch(shorts(0x8000, 0x7fc0, 0xffff, 1, 0x7f80)))
        .isEqualTo(-1);
  }

  static Stream<Arguments> rows() {
    return Stream.of(4, 8, 16, 32)
        .flatMap(
            bits ->
                Stream.of(0.0, 0.03, 0.5, 0.97, 1.0)
                    .flatMap(
                        density ->
                            IntStream.of(
                                    0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 352, 1001)
                                .mapToObj(columns -> Arguments.of(bits, density, columns))));
  }

  /** Returns a row; of codes of 4 bits an even number, since it takes whole bytes. */
  private static byte[] random(int bits, double density, int columns) {
    Random random = new Random(31L * columns + bits);
    byte[] bytes = new byte[Math.ceilDiv(columns * bits, 8)];
    int parts = Math.max(1, bits / 8);
    for (int element = 0; element < bytes.length * 8 / bits; element++) {
      boolean zero = random.nextDouble() >= density;
      for (int part = 0; !zero && part < parts; part++) {
        // Half of the bytes are 0, so that an element isn't told by one of its bytes.
        int value = random.nextBoolean() && bits > 8 ? 0 : random.nextInt(256);
        if (bits >= 8) {
          bytes[element * parts + part] = (byte) value;
        } else {
          bytes[element / 2] |= (byte) ((value & 0xf) << element % 2 * 4);
        }
      }
    }
    return bytes;
  }

  @ParameterizedTest
  @MethodSource("rows")
  void unpackingGivesTheRowAndNothingBehindIt(int bits, double density, int columns) {
    roundTrip(SPECIFICATION, bits, density, columns);
  }

  @ParameterizedTest
  @MethodSource("rows")
  void vectorsDoTheSame(int bits, double density, int columns) {
    assumeTrue(Lanes.COMPRESSES_SHORTS, "this processor compresses no vectors of shorts");
    RowPacking vectors = new VectorRowPacking();
    roundTrip(vectors, bits, density, columns);
    byte[] row = random(bits, density, columns);
    assertThat(packed(vectors, row, bits)).isEqualTo(packed(SPECIFICATION, row, bits));
    assertThat(vectors.count(MemorySegment.ofArray(row), bits))
        .isEqualTo(SPECIFICATION.count(MemorySegment.ofArray(row), bits));
  }

  /** Packs a row to misaligned native memory, and returns its mask and values. */
  private static byte[] packed(RowPacking packing, byte[] row, int bits) {
    int columns = row.length * 8 / bits;
    int maskBytes = (int) RowPacking.maskBytes(columns);
    int valueBytes = RowPacking.valueBytes(bits);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = arena.allocate(row.length + 3L);
      MemorySegment.copy(row, 0, source, ValueLayout.JAVA_BYTE, 3, row.length);
      MemorySegment mask = arena.allocate(maskBytes + 2L).fill(UNTOUCHED);
      MemorySegment values = arena.allocate(row.length + 5L + RowPacking.SLACK).fill(UNTOUCHED);
      int kept = packing.pack(source.asSlice(3), bits, mask.asSlice(1), values.asSlice(5));
      assertThat(mask.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo(UNTOUCHED);
      assertThat(mask.get(ValueLayout.JAVA_BYTE, maskBytes + 1L)).isEqualTo(UNTOUCHED);
      byte[] all = new byte[maskBytes + kept * valueBytes];
      MemorySegment.copy(mask, ValueLayout.JAVA_BYTE, 1, all, 0, maskBytes);
      MemorySegment.copy(values, ValueLayout.JAVA_BYTE, 5, all, maskBytes, kept * valueBytes);
      return all;
    }
  }

  private static void roundTrip(RowPacking packing, int bits, double density, int columns) {
    byte[] row = random(bits, density, columns);
    byte[] packed = packed(packing, row, bits);
    int maskBytes = (int) RowPacking.maskBytes(row.length * 8L / bits);
    long kept = packing.count(MemorySegment.ofArray(row), bits);
    assertThat(packed).hasSize((int) (maskBytes + kept * RowPacking.valueBytes(bits)));
    byte[] room = new byte[row.length + 2];
    room[0] = UNTOUCHED;
    room[row.length + 1] = UNTOUCHED;
    MemorySegment values = MemorySegment.ofArray(new byte[packed.length + RowPacking.SLACK]);
    MemorySegment.copy(packed, 0, values, ValueLayout.JAVA_BYTE, 0, packed.length);
    MemorySegment unpacked = MemorySegment.ofArray(room).asSlice(1, row.length);
    packing.unpack(values, values.asSlice(maskBytes), bits, unpacked);
    assertThat(room[0]).isEqualTo(UNTOUCHED);
    assertThat(room[row.length + 1]).isEqualTo(UNTOUCHED);
    byte[] found = new byte[row.length];
    System.arraycopy(room, 1, found, 0, row.length);
    assertThat(found).isEqualTo(row);
  }

  @Test
  void ofCodesTwoMakeAValueAndTheLastOneMayBeAlone() {
    // Codes 1, 0, 2, 0 and 0, 0, 8, 3, 0, 5, the first one the lower half.
    MemorySegment rows = MemorySegment.ofArray(new byte[] {1, 2, 0, 0x38, 0x50});
    byte[] mask = new byte[1];
    byte[] values = new byte[5 + RowPacking.SLACK];
    MemorySegment to = MemorySegment.ofArray(values);
    assertThat(SPECIFICATION.pack(rows.asSlice(0, 2), 4, MemorySegment.ofArray(mask), to))
        .isEqualTo(1);
    assertThat(mask).containsExactly(0b0101);
    assertThat(values[0]).isEqualTo((byte) 0x21);
    assertThat(SPECIFICATION.pack(rows.asSlice(2), 4, MemorySegment.ofArray(mask), to))
        .isEqualTo(2);
    assertThat(mask).containsExactly(0b101100);
    assertThat(values).startsWith(0x38, 0x05);
    assertThat(SPECIFICATION.count(rows.asSlice(2), 4)).isEqualTo(2);
  }

  @Test
  void thisMachinesFastestIsOneOfTheTwo() {
    assertThat(PackedShard.packing())
        .isInstanceOf(Lanes.COMPRESSES_SHORTS ? VectorRowPacking.class : ScalarRowPacking.class);
    assertThat(ByteOrder.nativeOrder()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
  }
}
