package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.EditedModel;
import io.github.wandacuda.testing.EditedModel.Tensor;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Weights without elements, whatever sizes they claim, and quantized ones whose sizes don't fit
 * words of 32 bits or Java's arrays.
 */
class EmptyTensorsTest {
  private static final String UP = "model.layers.0.mlp.up_proj";

  @TempDir Path directory;

  private Path model;

  @BeforeEach
  void makeFolder() throws IOException {
    model = Files.createDirectories(directory.resolve("model"));
  }

  /** Writes a model of the tensors of one module, each with as many bytes as are given. */
  private void write(String quantization, Object... namesTypesShapesAndBytes) throws IOException {
    ObjectNode config = JsonMapper.builder().build().createObjectNode().put("model_type", "llama");
    if (!quantization.isEmpty()) {
      config.set(
          "quantization_config", TestData.json(quantization.getBytes(StandardCharsets.UTF_8)));
    }
    Files.writeString(model.resolve("config.json"), config.toString());
    SafetensorsBytes file = new SafetensorsBytes();
    for (int at = 0; at < namesTypesShapesAndBytes.length; at += 4) {
      file.raw(
          UP + "." + namesTypesShapesAndBytes[at],
          (String) namesTypesShapesAndBytes[at + 1],
          new byte[(int) namesTypesShapesAndBytes[at + 3]],
          (long[]) namesTypesShapesAndBytes[at + 2]);
    }
    file.write(model.resolve("model.safetensors"));
  }

  private static long[] shape(long... sizes) {
    return sizes;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          gptq     | qweight       | I32 | 2147483647 | 0          |
          gptq     | qweight       | I32 | 0          | 2147483648 |
          awq      | qweight       | I32 | 0          | 2147483647 |
          modelopt | weight        | U8  | 0          | 2147483647 | , "quant_algo": "NVFP4"
          fp8      | weight        | F8_E4M3 | 2147483647 | 0      |
          ``       | weight        | F32 | 2147483647 | 0          |
          ``       | weight        | F32 | 0          | 4611686018427387904 |
          """)
  void aWeightWithoutElementsIsNoModule(
      String method, String name, String dtype, long rows, long columns, String settings)
      throws IOException {
    String more = settings == null ? "" : settings;
    write(
        method.isEmpty() ? "" : "{\"quant_method\": \"%s\", \"bits\": 4%s}".formatted(method, more),
        name,
        dtype,
        shape(rows, columns),
        0);
    var inspected = InProcess.line("inspect --json --model %s", model).succeeds();
    assertThat(inspected.json().get("modules")).isEmpty();
    InProcess.line(
            "prune --quiet --backend cpu --method magnitude --model %s --output %s",
            model, directory.resolve("pruned"))
        .isRefused(3, "no linear modules");
  }

  @Test
  void aWeightWithoutElementsIsCopied() throws IOException {
    EditedModel edited = EditedModel.of(TestData.fixture("llama-gqa").resolve("model"));
    edited.tensors().put(UP + ".weight", Tensor.zeros("F32", 4, 0, 64));
    edited.write(model);
    Path pruned = InProcess.pruned(model, directory.resolve("pruned"));
    InProcess.line("verify --dense %s --pruned %s", model, pruned).succeeds();
    assertThat(EditedModel.of(pruned).tensors().get(UP + ".weight").shape()).containsExactly(0, 64);
    Path packed = InProcess.packed(pruned, directory.resolve("packed"));
    InProcess.line("verify --dense %s --pruned %s", model, packed).succeeds();
  }

  @Test
  void outputFeaturesOfGptqFillWords() throws IOException {
    write(
        "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": -1, \"sym\": false}",
        "qweight",
        "I32",
        shape(8, 9),
        288,
        "scales",
        "F16",
        shape(1, 9),
        18,
        "qzeros",
        "I32",
        shape(1, 1),
        4);
    InProcess.line("inspect --model %s", model)
        .isRefused(3, UP + ".qweight", "4 bits each fill whole words of 32", "shape [8, 9]");
  }

  /** In a file of some GiB that takes no room on disk. */
  @ParameterizedTest
  @CsvSource({"awq, 1, 268435456, output features", "gptq, 268435456, 1, input features"})
  void sizesBeyondAnIntAreRefused(String method, long rows, long columns, String what)
      throws IOException {
    // So many output features that their codes fill words.
    long wide = method.equals("gptq") ? 8 : 1;
    write("{\"quant_method\": \"%s\", \"bits\": 4}".formatted(method));
    long bytes = rows * columns * wide * Integer.BYTES;
    String header =
        "{\"%s.qweight\":{\"dtype\":\"I32\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}"
            .formatted(UP, rows, columns * wide, bytes);
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile file =
        new RandomAccessFile(model.resolve("model.safetensors").toFile(), "rw")) {
      file.writeLong(Long.reverseBytes(json.length));
      file.write(json);
      file.setLength(Long.BYTES + json.length + bytes);
    }
    InProcess.line("inspect --model %s", model)
        .isRefused(3, UP + ".qweight", "expected at most 2147483639 " + what);
  }

  /** A small file can't claim many elements of a type that the format doesn't define. */
  @Test
  void anUndefinedTypeTakesABitAnElementAtLeast() throws IOException {
    write("", "weight", "X4", shape(16, 4), 8);
    InProcess.line("inspect --model %s", model).succeeds();
    write("", "weight", "X4", shape(16, 5), 8);
    InProcess.line("inspect --model %s", model)
        .isRefused(3, UP, "expected 10 bytes or more for X4 [16, 5], found 8");
  }
}
