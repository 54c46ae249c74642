package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packed weights of a shard that lies in memory, in the layout of the file. */
class PackedShardInMemoryTest {
  private static final String WEIGHT = "layers.0.q.weight";
  private static final String FORMAT = "wanda-cuda.packed.v1";

  @TempDir Path directory;

  private String format = FORMAT;
  private String dtype = "BF16";
  private long[] shape = {2, 10};
  private long[] offsets = {0, 3};
  private boolean withoutOffsets;

  /** The page's example: [[1, 0, 0, 2, 0, 0, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0, 0, 4, 0, 5]]. */
  private SafetensorsShard shard() throws IOException {
    byte[] values = {1, 0, 2, 0, 3, 0, 4, 0, 5, 0};
    SafetensorsBytes bytes = new SafetensorsBytes().metadata("format", format);
    bytes.f32("norm.weight", 10).f32("embed.weight", 2, 10);
    bytes.raw("layers.0.q.compressed", dtype, values, 5);
    bytes.raw("layers.0.q.bitmask", "U8", new byte[] {9, 1, (byte) 128, 2}, 2, 2);
    if (!withoutOffsets) {
      bytes.raw("layers.0.q.row_offsets", "I64", longs(offsets), offsets.length);
    }
    bytes.raw("layers.0.q.shape", "I64", longs(shape), 2);
    Path file = bytes.write(directory.resolve("model.safetensors"));
    return SafetensorsShard.of(MemorySegment.ofArray(Files.readAllBytes(file)));
  }

  private static byte[] longs(long... numbers) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(numbers);
    return bytes.array();
  }

  @Test
  void aPackedWeightIsAViewOfTheFile() throws IOException {
    SafetensorsShard shard = shard();
    assertThat(shard.isPacked(WEIGHT)).isTrue();
    SparseMatrix matrix = shard.sparseMatrix(WEIGHT);
    MemorySegment expected = shard.data("layers.0.q.row_offsets");
    assertThat(matrix.rowOffsets()).isEqualTo(expected.asReadOnly());
    assertThat(matrix.values()).isEqualTo(shard.data("layers.0.q.compressed").asReadOnly());
    assertThat(matrix.stored()).isEqualTo(5);
    byte[] dense = new byte[40];
    matrix.unpack(WeightMatrix.of(MemorySegment.ofArray(dense), DType.BF16, 2, 10));
    assertThat(dense[0]).isEqualTo((byte) 1);
    assertThat(dense[6]).isEqualTo((byte) 2);
    assertThat(dense[16]).isEqualTo((byte) 3);
    assertThat(dense[34]).isEqualTo((byte) 4);
    assertThat(dense[38]).isEqualTo((byte) 5);
  }

  @Test
  void othersAreDense() throws IOException {
    SafetensorsShard shard = shard();
    assertThat(shard.isPacked("embed.weight")).isFalse();
    assertThat(shard.isPacked("layers.0.q.bitmask")).isFalse();
    assertThat(shard.isPacked("layers.1.q.weight")).isFalse();
    assertThat(shard.vector("norm.weight")).hasSize(10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.sparseMatrix("embed.weight"))
        .withMessage("tensor embed.weight: expected a packed weight, found a dense one");
  }

  @Test
  void thatAShardIsPackedIsSaidInALine() throws IOException {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard().matrix(WEIGHT))
        .withMessage(
            "tensor layers.0.q.weight: expected one of the file's 6 tensors, found none; the shard"
                + " is packed, and its packed weights are sparse matrices");
    format = "wanda-cuda.packed.v2";
    assertThat(shard().isPacked(WEIGHT)).isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard().matrix(WEIGHT))
        .withMessageEndingWith("; the shard is packed, by another version of wanda-cuda");
    format = "pt";
    assertThat(shard().isPacked(WEIGHT)).isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard().matrix(WEIGHT))
        .withMessageEndingWith("found none");
  }

  private void assertRefused(String message) throws IOException {
    SafetensorsShard shard = shard();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.sparseMatrix(WEIGHT))
        .withMessage(message);
  }

  @Test
  void aPartThatIsMissingIsNamed() throws IOException {
    withoutOffsets = true;
    assertRefused(
        "tensor layers.0.q.row_offsets: expected it beside the module's others, found none");
  }

  @Test
  void partsOfOtherSizesAreRefused() throws IOException {
    shape = new long[] {2, 20};
    assertRefused("tensor layers.0.q.bitmask: expected U8 of 6 bytes, found U8 [2, 2]");
    shape = new long[] {-2, 10};
    assertRefused("tensor layers.0.q.shape: expected sizes from 0 to 2147483647, found -2");
    shape = new long[] {2, 10};
    offsets = new long[] {0, 3, 5};
    assertRefused("tensor layers.0.q.row_offsets: expected I64 of 16 bytes, found I64 [3]");
  }

  @Test
  void partsThatContradictEachOtherAreRefused() throws IOException {
    offsets = new long[] {0, 2};
    assertRefused(
        "tensor layers.0.q.weight: bitmask: expected 2 bits in row 0, which has as many values,"
            + " found 3");
    offsets = new long[] {0, 3};
    dtype = "I16";
    assertRefused("tensor layers.0.q.compressed: expected F32, F16 or BF16, found I16 [5]");
  }
}
