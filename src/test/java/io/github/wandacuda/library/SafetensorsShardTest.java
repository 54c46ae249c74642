package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Safetensors files in memory, beside the reader of files, and headers that lie. */
class SafetensorsShardTest {
  @TempDir Path directory;

  private static MemorySegment file(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    return MemorySegment.ofArray(bytes.array());
  }

  private SafetensorsShard shard(SafetensorsBytes bytes) throws IOException {
    return SafetensorsShard.of(
        MemorySegment.ofArray(Files.readAllBytes(bytes.write(directory.resolve("a")))));
  }

  @Test
  void tensorsAreThoseThatTheReaderOfFilesFinds() throws IOException {
    int tensors = 0;
    try (Checkpoint checkpoint = Checkpoint.open(TestData.TINY_LLAMA);
        Arena arena = Arena.ofShared()) {
      for (SafetensorsFile file : checkpoint.shards()) {
        try (FileChannel channel = FileChannel.open(file.path())) {
          SafetensorsShard shard =
              SafetensorsShard.of(
                  channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
          assertThat(shard.names())
              .containsExactlyElementsOf(file.tensors().stream().map(TensorInfo::name).toList());
          for (TensorInfo info : file.tensors()) {
            check(shard, file, info);
            tensors++;
          }
        }
      }
    }
    assertThat(tensors).isGreaterThan(10);
  }

  private static void check(SafetensorsShard shard, SafetensorsFile file, TensorInfo info) {
    String name = info.name();
    assertThat(shard.contains(name)).isTrue();
    assertThat(shard.dtype(name)).isEqualTo(info.dtype());
    assertThat(shard.shape(name)).isEqualTo(info.shape());
    byte[] bytes = TensorBytes.of(file, info);
    assertThat(shard.data(name).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
    if (info.isMatrix()) {
      WeightMatrix matrix = shard.matrix(name);
      assertThat(List.of((long) matrix.rows(), (long) matrix.columns())).isEqualTo(info.shape());
      assertThat(matrix.dtype().name()).isEqualTo(info.dtype());
      assertThat(matrix.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
    } else {
      assertThat(shard.vector(name)).isEqualTo(file.vector(info));
    }
  }

  @Test
  void vectorsOfAllTypesAreWidened() throws IOException {
    byte[] half = {0, 0x3e, 0, (byte) 0xc0};
    byte[] brain = {(byte) 0xc0, 0x3f, 0, (byte) 0xc0};
    SafetensorsShard shard =
        shard(
            new SafetensorsBytes()
                .f32("float", new float[] {1.5f, -2}, 2)
                .raw("half", "F16", half, 2)
                .raw("brain", "BF16", brain, 2)
                .f32("scalar", new float[] {7})
                .f32("none", 0));
    for (String name : List.of("float", "half", "brain")) {
      assertThat(shard.vector(name)).as(name).containsExactly(1.5f, -2);
    }
    assertThat(shard.vector("scalar")).containsExactly(7);
    assertThat(shard.vector("none")).isEmpty();
  }

  @Test
  void aMatrixIsAViewOfTheMemory() throws IOException {
    MemorySegment memory =
        MemorySegment.ofArray(
            Files.readAllBytes(
                new SafetensorsBytes().f32("w", 2, 3).write(directory.resolve("a"))));
    WeightMatrix matrix = SafetensorsShard.of(memory).matrix("w");
    assertThat(matrix.get(1, 2)).isEqualTo(5);
    Weights.set(matrix, 1, 2, 8);
    assertThat(memory.get(ValueLayout.JAVA_FLOAT_UNALIGNED, memory.byteSize() - 4)).isEqualTo(8);
    assertThat(SafetensorsShard.of(memory.asReadOnly()).matrix("w").data().isReadOnly()).isTrue();
  }

  @Test
  void whatATensorIsNotIsRefused() throws IOException {
    SafetensorsShard shard =
        shard(
            new SafetensorsBytes()
                .f32("cube", 2, 2, 2)
                .f32("matrix", 2, 2)
                .raw("bytes", "U8", new byte[4], 2, 2));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.matrix("cube"))
        .withMessage("tensor cube: expected a matrix, found F32 [2, 2, 2]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.matrix("bytes"))
        .withMessage("tensor bytes: expected a matrix of F32, F16 or BF16, found U8 [2, 2]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.vector("matrix"))
        .withMessageStartingWith("tensor matrix: expected a vector of at most ");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.vector("bytes"))
        .withMessageContaining("expected a vector of F32, F16 or BF16, found U8 [2, 2]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shard.data("nothing"))
        .withMessage("tensor nothing: expected one of the file's 3 tensors, found none");
    assertThat(shard.contains("nothing")).isFalse();
    assertThatNullPointerException().isThrownBy(() -> shard.shape(null));
    assertThatNullPointerException().isThrownBy(() -> SafetensorsShard.of(null));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[] | 0 | header: expected '{' as its first byte, found byte 0x5b",
        "{ | 0 | header: expected JSON",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 4 | tensor a: expected"
            + " its data to end at offset 4",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | 9 | expected 8 bytes of"
            + " data, all of them in tensors, found 9 bytes of data",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}} | 4 | tensor a: expected 8"
            + " bytes for F32 [2], found 4 in data_offsets [0, 4]",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,2],\"data_offsets\":[0,4]}} | 4 |"
            + " tensor a: expected a size below 2^63 bits",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}} | 4 | tensor a: expected"
            + " integers from 0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}} | 4 | tensor a: expected data_offsets, found"
            + " none",
        "{\"a\":1} | 0 | tensor a: expected an object, found 1",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 | tensor a:"
            + " expected one entry, found a second one",
      })
  void headersThatBreakTheFormatAreRefused(String header, int data, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SafetensorsShard.of(file(header, data)))
        .withMessageContaining(message);
  }

  @Test
  void filesThatAreTooShortAreRefused() {
    for (int bytes : new int[] {0, 1, 7}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SafetensorsShard.of(MemorySegment.ofArray(new byte[bytes])))
          .withMessageStartingWith("expected at least 8 bytes, found %d bytes".formatted(bytes));
    }
    byte[] long1 = {1, 0, 0, 0, 0, 0, 0, 0};
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SafetensorsShard.of(MemorySegment.ofArray(long1)))
        .withMessageContaining("header: expected 1 bytes, found 0 before the file ends");
    byte[] huge = {-1, -1, -1, -1, -1, -1, -1, -1};
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SafetensorsShard.of(MemorySegment.ofArray(huge)))
        .withMessageContaining("found 18446744073709551615");
  }

  @Test
  void namesThatAreTooLongAreRefused() {
    for (int length : new int[] {5000, 60_000, 2_000_000}) {
      String header =
          "{\"%s\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"
              .formatted("n".repeat(length));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SafetensorsShard.of(file(header, 0)))
          .withMessageMatching("(tensor n+\\.\\.\\.: expected a name of|header: expected JSON).*");
    }
  }

  @Test
  void closedMemoryIsRefused() {
    Arena arena = Arena.ofShared();
    MemorySegment gone = arena.allocate(100);
    arena.close();
    assertThatIllegalStateException().isThrownBy(() -> SafetensorsShard.of(gone));
  }

  @Test
  void matricesOfAShardArePruned() throws IOException {
    SafetensorsShard shard = shard(new SafetensorsBytes().f32("w", 4, 8));
    try (Pruner pruner = Pruner.builder().backend("cpu").open()) {
      WeightMatrix matrix = shard.matrix("w");
      assertThat(matrix.dtype()).isEqualTo(DType.F32);
      pruner.prune(matrix, Criterion.magnitude(), new Sparsity.GroupPattern(2, 4));
      assertThat(shard.matrix("w").get(0, 1)).isZero();
      assertThat(shard.matrix("w").get(0, 3)).isEqualTo(3);
    }
  }
}
