package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertInputError;
import static io.github.wandacuda.checkpoint.TestFiles.bytes;
import static io.github.wandacuda.checkpoint.TestFiles.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.TensorBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
  private static final Path SHARD = TestFiles.LLAMA_GQA.resolve("model-00002-of-00003.safetensors");

  @TempDir Path folder;

  private Path file() {
    return folder.resolve("x.safetensors");
  }

  private static List<String> names(SafetensorsFile file) {
    return file.tensors().stream().map(TensorInfo::name).toList();
  }

  @Test
  void anEmptyObjectIsALegalFile() throws IOException {
    Files.write(file(), bytes("{}"));
    try (var file = SafetensorsFile.open(file())) {
      assertThat(file.tensors()).isEmpty();
      assertThat(file.metadata()).isEmpty();
      assertThat(file.byteSize()).isEqualTo(10);
    }
  }

  @Test
  void partsOfExpertsAreTensorsOfTheirOwn() throws IOException {
    byte[] data = new byte[24];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) i;
    }
    TestFiles.write(
        file(),
        data,
        entry("l.0.mlp.experts.down_proj", "U8", "[2,3,2]", 0, 12),
        entry("l.0.mlp.experts.down_proj_bias", "U8", "[2,2]", 12, 16),
        entry("l.0.block_sparse_moe.input_linear.weight", "U8", "[1,2,2]", 16, 20),
        entry("l.0.linear_attn.conv1d.weight", "U8", "[2,1,2]", 20, 24));
    try (var file = SafetensorsFile.open(file())) {
      assertThat(names(file))
          .containsExactly(
              "l.0.mlp.experts.down_proj.0.weight",
              "l.0.mlp.experts.down_proj.1.weight",
              "l.0.mlp.experts.down_proj.0.bias",
              "l.0.mlp.experts.down_proj.1.bias",
              "l.0.block_sparse_moe.input_linear.0.weight",
              "l.0.linear_attn.conv1d.weight");
      TensorInfo part = file.tensor("l.0.mlp.experts.down_proj.1.weight").orElseThrow();
      assertThat(part.shape()).containsExactly(3L, 2L);
      assertThat(TensorBytes.of(file, part)).containsExactly(6, 7, 8, 9, 10, 11);
      TensorInfo bias = file.tensor("l.0.mlp.experts.down_proj.1.bias").orElseThrow();
      assertThat(TensorBytes.of(file, bias)).containsExactly(14, 15);
      assertThat(file.tensor("l.0.mlp.experts.down_proj")).isPresent();
    }
  }

  @Test
  void partsThatAreCalledLikeOthersAreRefused() throws IOException {
    TestFiles.write(
        file(),
        new byte[6],
        entry("experts.up_proj", "U8", "[2,1,2]", 0, 4),
        entry("experts.up_proj.1.weight", "U8", "[1,2]", 4, 6));
    assertInputError(() -> SafetensorsFile.open(file()), "a tensor of this name beside it");
    TestFiles.sparse(
        file(),
        3_000_000,
        entry("experts.up_proj", "U8", "[1000001,1,1]", 0, 1_000_001),
        entry("x", "U8", "[1999999]", 1_000_001, 3_000_000));
    assertInputError(() -> SafetensorsFile.open(file()), "at most 1000000 tensors and experts");
  }

  @Test
  void tensorsComeInTheOrderOfTheirBytes() throws IOException {
    byte[] data = {1, 2, 3, 4, 5, 6};
    TestFiles.write(
        file(),
        data,
        entry("last", "U8", "[1]", 5, 6),
        entry("first", "U8", "[2]", 0, 2),
        entry("empty", "F32", "[0,7]", 2, 2),
        entry("middle", "U8", "[3]", 2, 5));
    try (var file = SafetensorsFile.open(file())) {
      assertThat(names(file)).containsExactly("first", "empty", "middle", "last");
      TensorInfo middle = file.tensor("middle").orElseThrow();
      assertThat(TensorBytes.of(file, middle)).containsExactly(3, 4, 5);
      TensorInfo empty = file.tensor("empty").orElseThrow();
      assertThat(empty.elements()).isZero();
      assertThat(TensorBytes.of(file, empty)).isEmpty();
      assertThat(List.of(empty.rows(), empty.columns())).containsExactly(0, 7);
      assertThat(file.tensor("none")).isEmpty();
    }
  }

  @Test
  void metadataPaddingAndUnknownFieldsAreTaken() throws IOException {
    String header =
        "{\"__metadata__\":{\"format\":\"pt\",\"\":\"e\\u0301\"},\"s\":{\"new\":[{}],\"data_offsets\":[0,8],\"shape\":[],\"dtype\":\"I64\"}}"
            + "    \n"
            + "\t ";
    byte[] content = bytes(header, new byte[8]);
    Files.write(file(), content);
    try (var file = SafetensorsFile.open(file())) {
      assertThat(file.metadata()).containsEntry("format", "pt").containsEntry("", "e\u0301");
      TensorInfo scalar = file.tensor("s").orElseThrow();
      assertThat(scalar.elements()).isEqualTo(1);
      assertThat(scalar.type()).isEmpty();
      assertThat(file.headerBytes()).isEqualTo(Arrays.copyOf(content, content.length - 8));
      assertThat(file.dataOffset()).isEqualTo(content.length - 8);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F4,2,1", "F6_E2M3,4,3", "F6_E3M2,4,3", "BOOL,3,3", "U8,3,3", "I8,3,3",
    "F8_E5M2,3,3", "F8_E4M3,3,3", "F8_E8M0,3,3", "F8_E4M3FNUZ,3,3", "F8_E5M2FNUZ,3,3", "I16,3,6",
    "U16,3,6", "F16,3,6", "BF16,3,6", "I32,3,12", "U32,3,12", "F32,3,12",
    "C64,3,24", "F64,3,24", "I64,3,24", "U64,3,24", "NEVER_HEARD_OF,3,5"
  })
  void everyTypeIsTakenAtItsSize(String dtype, int elements, int bytes) throws IOException {
    String shape = "[" + elements + "]";
    TestFiles.write(file(), new byte[bytes], entry("t", dtype, shape, 0, bytes));
    try (var file = SafetensorsFile.open(file())) {
      assertThat(file.tensors().getFirst())
          .isEqualTo(new TensorInfo("t", dtype, List.of((long) elements), 0, bytes));
    }
    if (!dtype.equals("NEVER_HEARD_OF")) {
      TestFiles.write(file(), new byte[bytes + 1], entry("t", dtype, shape, 0, bytes + 1));
      assertInputError(() -> SafetensorsFile.open(file()).close(), "tensor t: expected " + bytes);
    }
  }

  @Test
  void vectorsAreWidenedExactly() throws IOException {
    ByteBuffer data = ByteBuffer.allocate(13).order(ByteOrder.LITTLE_ENDIAN);
    data.put((byte) 9).putFloat(1.1f).putShort((short) 0x3c01).putShort((short) 0x0001);
    data.putShort((short) 0xbf81).putShort((short) 0x7f80);
    TestFiles.write(
        file(),
        data.array(),
        entry("byte", "U8", "[1]", 0, 1),
        entry("f32", "F32", "[1]", 1, 5),
        entry("f16", "F16", "[2]", 5, 9),
        entry("bf16", "BF16", "[2]", 9, 13));
    try (var file = SafetensorsFile.open(file())) {
      assertThat(vector(file, "f32")).containsExactly(1.1f);
      assertThat(vector(file, "f16")).containsExactly(1.0009765625f, 5.9604645E-8f);
      assertThat(vector(file, "bf16")).containsExactly(-1.0078125f, Float.POSITIVE_INFINITY);
      assertInputError(() -> vector(file, "byte"), "tensor byte: expected a vector of F32");
    }
  }

  private static float[] vector(SafetensorsFile file, String name) {
    return file.vector(file.tensor(name).orElseThrow());
  }

  @Test
  void matricesAreReadFromAnyRowOn() throws IOException {
    ByteBuffer data = ByteBuffer.allocate(25).order(ByteOrder.LITTLE_ENDIAN);
    data.put((byte) 0);
    for (int i = 0; i < 6; i++) {
      data.putFloat(i / 8f);
    }
    TestFiles.write(
        file(), data.array(), entry("b", "BOOL", "[1]", 0, 1), entry("m", "F32", "[2,3]", 1, 25));
    try (var file = SafetensorsFile.open(file())) {
      TensorInfo info = file.tensor("m").orElseThrow();
      assertThat(info.type()).contains(DType.F32);
      assertThat(List.of(info.rows(), info.columns())).containsExactly(2, 3);
      float[] lastRow = new float[3];
      file.read(info, 12, MemorySegment.ofArray(lastRow));
      assertThat(lastRow).containsExactly(3 / 8f, 4 / 8f, 5 / 8f);
      assertInputError(() -> vector(file, "m"), file() + ": tensor m: expected a vector", "[2, 3]");
    }
  }

  @Test
  void whatIsNoMatrixIsRefused() throws IOException {
    TestFiles.write(
        file(),
        new byte[4],
        entry("v", "F32", "[1]", 0, 4),
        entry("rows", "BF16", "[4294967296,0]", 4, 4),
        entry("columns", "F16", "[0,2147483648]", 4, 4));
    try (var file = SafetensorsFile.open(file())) {
      TensorInfo rows = file.tensor("rows").orElseThrow();
      assertThat(rows.isMatrix()).isTrue();
      assertThat(rows.columns()).isZero();
      assertInputError(rows::rows, "tensor rows: expected at most 2147483647 rows");
      assertInputError(file.tensor("columns").orElseThrow()::columns, "2147483647 columns");
      assertInputError(file.tensor("v").orElseThrow()::rows, "tensor v: expected a matrix");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"fixtures/llama-gqa/model", "models/tiny-llama"})
  void realShardsAreRead(String model) throws IOException {
    int tensors = 0;
    for (int shard = 1; shard <= 3; shard++) {
      Path path = Path.of("testdata", model, "model-0000%d-of-00003.safetensors".formatted(shard));
      byte[] content = Files.readAllBytes(path);
      try (var file = SafetensorsFile.open(path)) {
        assertThat(file.metadata()).containsEntry("format", "pt");
        assertThat(content).startsWith(file.headerBytes());
        for (TensorInfo info : file.tensors()) {
          int start = (int) (file.dataOffset() + info.begin());
          assertThat(TensorBytes.of(file, info))
              .isEqualTo(Arrays.copyOfRange(content, start, start + (int) info.bytes()));
        }
        tensors += file.tensors().size();
      }
    }
    assertThat(tensors).isGreaterThan(20);
  }

  @Test
  void realValuesAreTheOnesThatWereStored() {
    Path path = Path.of("testdata/fixtures/llama-gqa/dense.statistics.safetensors");
    try (var file = SafetensorsFile.open(path)) {
      assertThat(file.metadata())
          .containsEntry("format", "wanda-cuda.statistics.v1")
          .containsEntry("samples", "4");
      float[] norms = vector(file, "model.layers.0.self_attn.q_proj.input_norm");
      assertThat(norms).hasSize(32);
      for (float norm : norms) {
        assertThat(norm).isFinite().isPositive();
      }
    }
  }

  @Test
  void moreThanFourGibibytesAreOneSegment() throws IOException {
    long rows = 5L << 20;
    long bytes = rows * 1024;
    TestFiles.sparse(
        file(),
        bytes + 2,
        entry("big", "U8", "[" + bytes + "]", 0, bytes),
        entry("end", "BF16", "[1]", bytes, bytes + 2));
    try (FileChannel channel = FileChannel.open(file(), StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {7, (byte) 0x80, 0x3f}), channel.size() - 3);
    }
    try (var file = SafetensorsFile.open(file())) {
      assertThat(file.byteSize()).isGreaterThan(5L << 30);
      assertThat(vector(file, "end")).containsExactly(1f);
      MemorySegment last = MemorySegment.ofArray(new byte[2]);
      file.read(file.tensor("big").orElseThrow(), bytes - 2, last);
      assertThat(last.toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 7);
      assertInputError(() -> vector(file, "big"), "tensor big: expected a vector of F32");
    }
  }

  @Test
  void aVectorThatNoArrayHoldsIsRefused() throws IOException {
    long length = 1L << 31;
    TestFiles.sparse(file(), 4 * length, entry("v", "F32", "[" + length + "]", 0, 4 * length));
    try (var file = SafetensorsFile.open(file())) {
      assertInputError(() -> vector(file, "v"), "tensor v: expected a vector below 2 GiB");
    }
  }

  @Test
  void manyAlikeNamesAreNoAttack() throws IOException {
    String[] entries = new String[60_000];
    for (int i = 0; i < entries.length; i++) {
      String name = "model.layers.%d.mlp.experts.%d.up_proj.weight".formatted(i / 256, i % 256);
      entries[i] = entry(name, "U8", "[1]", i, i + 1);
    }
    TestFiles.write(file(), new byte[entries.length], entries);
    try (var file = SafetensorsFile.open(file())) {
      assertThat(file.tensors()).hasSize(60_000);
    }
  }

  @Test
  void aClosedFileGivesNothing() throws IOException {
    TestFiles.write(file(), new byte[4], entry("v", "F32", "[1]", 0, 4));
    SafetensorsFile file = SafetensorsFile.open(file());
    file.close();
    file.close();
    assertThatThrownBy(() -> vector(file, "v")).isInstanceOf(IllegalStateException.class);
  }

  @Property
  void damageToTheHeaderIsAnInputErrorOrHarmless(
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 1600) Integer> places,
      @ForAll byte value,
      @ForAll @IntRange(max = 2000) int cut)
      throws IOException {
    byte[] content = Files.readAllBytes(SHARD);
    places.forEach(at -> content[at] = value);
    byte[] damaged = cut < 1000 ? content : Arrays.copyOf(content, cut);
    Path file = Files.createTempFile("damaged", ".safetensors");
    try {
      Files.write(file, damaged);
      openAndTouchEverything(file);
    } finally {
      Files.delete(file);
    }
  }

  private static void openAndTouchEverything(Path path) {
    try (var file = SafetensorsFile.open(path)) {
      long end = file.dataOffset();
      for (TensorInfo info : file.tensors()) {
        assertThat(TensorBytes.of(file, info)).hasSize((int) info.bytes());
        end += info.bytes();
      }
      assertThat(end).isEqualTo(file.byteSize());
    } catch (InputException e) {
      assertThat(e.getMessage()).contains(path.toString()).doesNotContain("\n", "\r");
    }
  }
}
