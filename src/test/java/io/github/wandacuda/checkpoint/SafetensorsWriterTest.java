package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.checkpoint.TestFiles.assertOutputError;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.io.AtomicWrite;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  @Test
  void theBytesAreTheFormats() throws IOException {
    Path file = folder.resolve("x");
    Map<String, float[]> vectors = new LinkedHashMap<>();
    vectors.put("b", new float[] {1f});
    vectors.put("a\"", new float[] {});
    vectors.put("B", new float[] {-2f, 0.5f});
    AtomicWrite.replace(
        file, SafetensorsWriter.content(vectors, Map.of("samples", "4", "format", "x")));
    String header =
        "{\"__metadata__\":{\"format\":\"x\",\"samples\":\"4\"},"
            + "\"B\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            + "\"a\\\"\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}";
    String padded = header + " ".repeat((8 - header.length() % 8) % 8);
    byte[] data = {0, 0, 0, (byte) 0xc0, 0, 0, 0, 0x3f, 0, 0, (byte) 0x80, 0x3f};
    assertThat(file).hasBinaryContent(TestFiles.bytes(padded, data));
  }

  @Test
  void withoutContentItIsTheEmptyObject() throws IOException {
    Path file = folder.resolve("x");
    AtomicWrite.replace(file, SafetensorsWriter.content(Map.of(), Map.of()));
    assertThat(file).hasBinaryContent(TestFiles.bytes("{}      "));
  }

  @Test
  void whatWasWrittenIsRead() {
    Random random = new Random(7);
    Map<String, float[]> vectors = new HashMap<>();
    for (int i = 0; i < 50; i++) {
      float[] vector = new float[random.nextInt(5000)];
      for (int j = 0; j < vector.length; j++) {
        vector[j] = Float.intBitsToFloat(random.nextInt());
      }
      vectors.put("層 %d\n😀\uffee".formatted(i), vector);
    }
    Path file = folder.resolve("x");
    AtomicWrite.replace(file, SafetensorsWriter.content(vectors, Map.of("k\t", "v\u0001")));
    try (var read = SafetensorsFile.open(file)) {
      assertThat(read.dataOffset() % 8).isZero();
      assertThat(read.metadata()).containsExactly(Map.entry("k\t", "v\u0001"));
      assertThat(read.tensors()).hasSize(50);
      assertThat(read.tensors())
          .extracting(TensorInfo::name)
          .isSortedAccordingTo(TensorNames.ORDER);
      vectors.forEach(
          (name, vector) ->
              assertThat(read.vector(read.tensor(name).orElseThrow())).isEqualTo(vector));
    }
  }

  @Test
  void equalContentGivesEqualBytes() throws IOException {
    Map<String, float[]> one = new LinkedHashMap<>();
    Map<String, float[]> other = new LinkedHashMap<>();
    for (int i = 0; i < 100; i++) {
      one.put("t" + i, new float[] {i});
      other.put("t" + (99 - i), new float[] {99 - i});
    }
    AtomicWrite.replace(
        folder.resolve("1"), SafetensorsWriter.content(one, Map.of("a", "1", "b", "2")));
    AtomicWrite.replace(
        folder.resolve("2"), SafetensorsWriter.content(other, Map.of("b", "2", "a", "1")));
    assertThat(folder.resolve("1")).hasSameBinaryContentAs(folder.resolve("2"));
    assertThat(Files.readAllBytes(folder.resolve("1")))
        .asString(StandardCharsets.ISO_8859_1)
        .contains("{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"},\"t0\":");
  }

  @Test
  void theMetadataKeyIsNoTensor() {
    assertThatThrownBy(
            () ->
                AtomicWrite.replace(
                    folder.resolve("x"),
                    SafetensorsWriter.content(Map.of("__metadata__", new float[1]), Map.of())))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPlaceThatCannotBeWrittenIsAnOutputError() {
    Path file = folder.resolve("none/x");
    assertOutputError(
        () -> AtomicWrite.replace(file, SafetensorsWriter.content(Map.of(), Map.of())),
        file + ": expected to write it, found: no such file or folder");
  }
}
