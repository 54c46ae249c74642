package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A packed shard whose parts contradict each other is refused, with the tensor and the row. */
@Execution(ExecutionMode.CONCURRENT)
class DamagedPackedTest {
  private static final String WEIGHT = "layers.0.q.weight";
  private static final String MODULE = "layers.0.q";

  @TempDir Path directory;

  private String sourceDtype;
  private String dtype;
  private int[] sourceShape;
  private long[] offsets;
  private long[] shape;
  private byte[] bits;
  private int[] values;
  private int rowOffsetCount;
  private String format;
  private String extra;
  private boolean without;
  private int headerMore;

  /** The format's example: [[1, 0, 0, 2, 0, 0, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0, 0, 4, 0, 5]]. */
  @BeforeEach
  void whole() {
    sourceDtype = "BF16";
    dtype = "BF16";
    sourceShape = new int[] {2, 10};
    offsets = new long[] {0, 3};
    shape = new long[] {2, 10};
    bits = new byte[] {9, 1, (byte) 128, 2};
    values = new int[] {1, 2, 3, 4, 5};
    rowOffsetCount = 2;
    format = "wanda-cuda.packed.v1";
    extra = null;
    without = false;
    headerMore = 0;
  }

  private static byte[] longs(long... numbers) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(numbers);
    return bytes.array();
  }

  private static byte[] shorts(int... numbers) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.stream(numbers).forEach(number -> bytes.putShort((short) number));
    return bytes.array();
  }

  private static byte[] bytes(int... numbers) {
    byte[] bytes = new byte[numbers.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) numbers[i];
    }
    return bytes;
  }

  /** Makes it the same example in codes of 4 bits, of which the given one is left out. */
  private void nibbles(int zero) {
    sourceDtype = "U8";
    sourceShape = new int[] {2, 5};
    dtype = "U8";
    offsets = new long[] {0, 2};
    shape = new long[] {2, 5, zero};
    values = new int[] {0x21, 0x03, 0x54};
  }

  private byte[] header() {
    String json =
        "{\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%d]}}  "
            .formatted(
                WEIGHT,
                sourceDtype,
                Arrays.toString(sourceShape),
                (sourceDtype.equals("U8") ? 1L : 2L) * sourceShape[0] * sourceShape[1]);
    byte[] text = json.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + text.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(text.length + headerMore)
        .put(text)
        .array();
  }

  private Path write() throws IOException {
    SafetensorsBytes file = new SafetensorsBytes().metadata("format", format);
    file.raw(MODULE + ".row_offsets", "I64", longs(offsets), rowOffsetCount);
    file.raw(MODULE + ".shape", "I64", longs(shape), shape.length);
    if (!without) {
      byte[] stored = dtype.endsWith("8") ? bytes(values) : shorts(values);
      file.raw(MODULE + ".compressed", dtype, stored, values.length);
    }
    file.raw(MODULE + ".bitmask", "U8", bits, 2, bits.length / 2);
    if (extra != null) {
      file.raw(extra, "U8", new byte[1], 1);
    }
    byte[] header = header();
    file.raw(PackedFormat.SOURCE_HEADER, "U8", header, header.length);
    return file.write(directory.resolve("model.safetensors"));
  }

  private static byte[] read(Path file) {
    try (SafetensorsFile shard = PackedShard.unpacked(SafetensorsFile.open(file))) {
      TensorInfo tensor = shard.tensor(WEIGHT).orElseThrow();
      return TensorBytes.of(shard, tensor);
    }
  }

  @Test
  void aWholeOneIsRead() throws IOException {
    assertThat(read(write()))
        .isEqualTo(shorts(1, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 5));
  }

  @Test
  void codesAreReadTwoToAByte() throws IOException {
    nibbles(0);
    assertThat(read(write())).isEqualTo(bytes(1, 0x20, 0, 0, 3, 0, 0, 0, 0x40, 0x50));
    nibbles(8);
    assertThat(read(write()))
        .isEqualTo(bytes(0x89, 0xa8, 0x88, 0x88, 0x8b, 0x88, 0x88, 0x88, 0xc8, 0xd8));
  }

  /** Damages one thing of codes. */
  static Stream<Arguments> damagedCodes() {
    return Stream.of(
        damage("shape: expected [2, 5, 0], as wanda", t -> t.shape[2] = 16),
        damage("shape: expected [2, 5, 8], as wanda", t -> t.shape = new long[] {5, 2, 8}),
        damage("shape: expected I64 [2], found I64 [3]", t -> t.sourceDtype = "BF16"),
        damage("weight: expected it, as the", t -> t.shape = new long[] {2, 5}),
        damage("row_offsets: expected row 0, at 0, to end", t -> t.offsets[1] = 4),
        damage("bitmask: expected 1 pairs of bits in row 0", t -> t.offsets[1] = 1),
        damage("bitmask: expected 2 pairs of bits in row 0", t -> t.bits[0] = 127),
        damage("bitmask: expected 1 pairs of bits in row 1", t -> t.bits[2] = 127),
        damage("no bit behind the last of 10 columns in row 0", t -> t.bits[1] = 4),
        damage("bitmask: expected U8 [2, 2], found U8 [2, 1]", t -> t.bits = new byte[2]),
        damage("compressed: expected U8, at most [10], found I8", t -> t.dtype = "I8"),
        damage("compressed: expected U8, at most [10], found", t -> t.values = new int[11]));
  }

  @ParameterizedTest
  @MethodSource("damagedCodes")
  void damagedCodesAreRefusedInOneLine(String said, Damage damage) throws IOException {
    nibbles(0);
    isRefusedInOneLine(said, damage);
  }

  @Test
  void anyPartOfItIsRead() throws IOException {
    Path file = write();
    byte[] whole = read(file);
    try (SafetensorsFile shard = PackedShard.unpacked(SafetensorsFile.open(file))) {
      TensorInfo tensor = shard.tensor(WEIGHT).orElseThrow();
      for (int from = 0; from <= whole.length; from++) {
        for (int to = from; to <= whole.length; to++) {
          byte[] part = new byte[to - from];
          shard.read(tensor, from, java.lang.foreign.MemorySegment.ofArray(part));
          assertThat(part).isEqualTo(Arrays.copyOfRange(whole, from, to));
        }
      }
    }
  }

  /** Damages one thing. */
  private interface Damage {
    void to(DamagedPackedTest test);
  }

  private static Arguments damage(String said, Damage damage) {
    return Arguments.of(said, damage);
  }

  static Stream<Arguments> damages() {
    return Stream.of(
        damage("row_offsets: expected 0 for row 0, found 1", t -> t.offsets[0] = 1),
        damage("row_offsets: expected 0 for row 0, found -1", t -> t.offsets[0] = -1),
        damage("row_offsets: expected row 0, at 0, to end", t -> t.offsets[1] = -3),
        damage("row_offsets: expected row 0, at 0, to end", t -> t.offsets[1] = 6),
        damage("row_offsets: expected row 0, at 0, to end", t -> t.offsets[1] = Long.MAX_VALUE),
        damage("row_offsets: expected row 0, at 0, to end", t -> t.offsets[1] = Long.MIN_VALUE),
        damage("bitmask: expected 2 bits in row 0, which has as many", t -> t.offsets[1] = 2),
        damage("bitmask: expected 4 bits in row 0, which has as many", t -> t.offsets[1] = 4),
        damage("bitmask: expected 3 bits in row 0, which has as many", t -> t.bits[0] = 8),
        damage("bitmask: expected 2 bits in row 1, which has as many", t -> t.bits[2] = 0),
        damage("bitmask: expected no bit behind the last of 10 columns", t -> t.bits[1] = 4),
        damage("expected no bit behind the last of 10 columns in row 1", t -> t.bits[3] = -128),
        damage(
            "bitmask: expected 3 bits in row 1, which has as many",
            t -> t.values = new int[] {1, 2, 3, 4, 5, 6}),
        damage(
            "bitmask: expected 1 bits in row 1, which has as many",
            t -> t.values = new int[] {1, 2, 3, 4}),
        damage(
            "compressed: expected BF16, at most [20], found BF16 [21]",
            t -> t.values = new int[21]),
        damage("compressed: expected BF16, at most [20], found F16 [5]", t -> t.dtype = "F16"),
        damage(
            "compressed: expected it beside the module's others, found none",
            t -> t.without = true),
        damage(
            "bitmask: expected U8 [2, 2], found U8 [2, 1]",
            t -> t.bits = new byte[] {9, (byte) 128}),
        damage(
            "row_offsets: expected I64 [2], found I64 [3]",
            t -> {
              t.offsets = new long[] {0, 3, 5};
              t.rowOffsetCount = 3;
            }),
        damage(
            "shape: expected [2, 10], as wanda_cuda.source_header has, found [10, 2]",
            t -> t.shape = new long[] {10, 2}),
        damage("shape: expected I64 [2], found I64 [1]", t -> t.shape = new long[] {2}),
        damage(
            "format: expected wanda-cuda.packed.v1, found wanda-cuda.packed.v2",
            t -> t.format = "wanda-cuda.packed.v2"),
        damage("format: expected wanda-cuda.packed.v1, found pt", t -> t.format = "pt"),
        damage(
            "extra: expected none that the unpacked shard has no use for", t -> t.extra = "extra"),
        damage(
            "q.weight: expected BF16 [2, 10], as in the unpacked shard, found U8 [1]",
            t -> t.extra = WEIGHT),
        damage(
            "layers.0.q.weight: expected it, as the unpacked shard has it, found none",
            t -> t.sourceDtype = "I16"),
        damage("header: expected", t -> t.headerMore = 1),
        damage("header: expected", t -> t.headerMore = -1));
  }

  @ParameterizedTest
  @MethodSource("damages")
  void isRefusedInOneLine(String said, Damage damage) throws IOException {
    damage.to(this);
    Path file = write();
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(said)
        .extracting(e -> e.getMessage().lines().count())
        .isEqualTo(1L);
  }

  @Test
  @Thorough
  void everyCutIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(write());
    Path cut = directory.resolve("cut.safetensors");
    for (int length = 0; length < whole.length; length++) {
      Files.write(cut, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> read(cut)).isInstanceOf(InputException.class);
    }
  }

  /** Every single bit of the file turned: read as something or refused, and nothing else. */
  @Test
  @Thorough
  void noTurnedBitLeadsOutOfTheMemory() throws IOException {
    Path file = write();
    byte[] whole = Files.readAllBytes(file);
    int refused = 0;
    for (int bit = 0; bit < whole.length * 8; bit++) {
      byte[] turned = whole.clone();
      turned[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(file, turned);
      try {
        assertThat(read(file)).hasSizeLessThanOrEqualTo(40);
      } catch (InputException | java.util.NoSuchElementException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(whole.length);
    assertThat(List.of(file)).isNotEmpty();
  }
}
