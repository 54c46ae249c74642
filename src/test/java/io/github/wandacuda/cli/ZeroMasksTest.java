package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code prune --method masks} with a pruned model, whose zeros are the masks. */
class ZeroMasksTest {
  private static final String WEIGHT = "layers.0.self_attn.q_proj.weight";

  @TempDir Path directory;
  private Path dense;
  private Path pruned;
  private Path output;

  @BeforeEach
  void writeModel() throws IOException {
    dense = new GeneratedLlama(3, 32, 96, 50).write(directory.resolve("dense"));
    pruned = directory.resolve("pruned");
    output = directory.resolve("output");
  }

  private Ended prune(String how) {
    return InProcess.line(
        "prune --quiet --json --backend cpu --model %s --output %s " + how, dense, pruned);
  }

  private Ended again(Path model, Object... more) {
    return InProcess.line(
        "prune --quiet --json --backend cpu --method masks --model %s --output %s",
        model, output, more);
  }

  private static String digest(Ended run) {
    return run.succeeds().json().get("mask_sha256").asText();
  }

  /** What training leaves that keeps no zeros: the same tensors, all of them a little different. */
  private Path trained() throws IOException {
    Path trained = TestData.copy(pruned, directory.resolve("trained"));
    Files.delete(trained.resolve("wanda-cuda.json"));
    for (String name : TestData.names(trained)) {
      if (name.endsWith(".safetensors")) {
        Path shard = trained.resolve(name);
        ByteBuffer bytes =
            ByteBuffer.wrap(Files.readAllBytes(shard)).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 8 + (int) bytes.getLong(0); at < bytes.limit(); at += 2) {
          short weight = bytes.getShort(at);
          bytes.putShort(at, weight == 0 ? (short) 0x3c00 : (short) (weight ^ 1));
        }
        Files.write(shard, bytes.array());
      }
    }
    return trained;
  }

  @ParameterizedTest
  @ValueSource(strings = {"--sparsity 0.5", "--pattern 2:4", "--sparsity 0.3 --scope matrix"})
  void pruningByTheOldZerosAfterTrainingBringsThemBack(String how) throws IOException {
    String expected = digest(prune("--method magnitude " + how));
    Path trained = trained();
    InProcess.line("verify --zeros-of %s --model %s", pruned, trained).fails(5, "zeros");
    assertThat(digest(again(trained, "--masks", pruned))).isEqualTo(expected);
    InProcess.line("verify --zeros-of %s --model %s", pruned, output).succeeds();
    InProcess.line("verify --dense %s --pruned %s", trained, output).succeeds();
  }

  @Test
  void itIsWhatAFileOfTheSameMasksDoes() {
    Path masks = directory.resolve("masks.safetensors");
    digest(prune("--method magnitude --save-masks " + masks));
    again(dense, "--masks", masks).succeeds();
    Path byFile = output;
    output = directory.resolve("by-zeros");
    again(dense, "--masks", pruned).succeeds();
    for (String name : TestData.names(byFile)) {
      if (name.endsWith(".safetensors")) {
        assertThat(output.resolve(name)).hasSameBinaryContentAs(byFile.resolve(name));
      }
    }
    assertThat(output.resolve("model-00001-of-00002.safetensors"))
        .hasSameBinaryContentAs(pruned.resolve("model-00001-of-00002.safetensors"));
  }

  static Iterable<String> quantized() {
    return TestData.prunable();
  }

  /** Codes that say zero are zeros, whatever a format's zero is, and no others. */
  @ParameterizedTest
  @MethodSource("quantized")
  @FirstCases(6)
  void theZerosOfCodesAreMasksToo(String fixture) {
    dense = Path.of("testdata/quantized").resolve(fixture).resolve("model");
    prune("--method magnitude").succeeds();
    again(dense, "--masks", pruned).succeeds();
    for (String name : TestData.names(pruned)) {
      if (name.endsWith(".safetensors")) {
        assertThat(output.resolve(name)).hasSameBinaryContentAs(pruned.resolve(name));
      }
    }
  }

  private Path model(String name, String type, String dtype, byte[] weights, int... shape)
      throws IOException {
    Path model = Files.createDirectories(directory.resolve(name));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"%s\"}".formatted(type));
    String tensor = type.equals("gpt2") ? "h.0.attn.c_attn.weight" : WEIGHT;
    new SafetensorsBytes()
        .raw(tensor, dtype, weights, shape)
        .write(model.resolve("model.safetensors"));
    return model;
  }

  private static byte[] numbers(String dtype, float[] values) {
    int bytes = dtype.equals("F32") ? 4 : 2;
    ByteBuffer buffer = ByteBuffer.allocate(bytes * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (dtype) {
        case "F32" -> buffer.putFloat(value);
        case "F16" -> buffer.putShort(Float.floatToFloat16(value));
        default -> buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    return buffer.array();
  }

  /** Rows that end within a byte or a word of a mask, or at its end; weights stored by columns. */
  @ParameterizedTest
  @CsvSource({
    "llama, F32, F32, 3, 1", "llama, F32, BF16, 5, 7", "llama, F16, F32, 2, 8",
    "llama, BF16, F16, 3, 9", "llama, F16, BF16, 2, 63", "llama, BF16, BF16, 4, 64",
    "llama, BF16, F32, 3, 65", "llama, F32, F16, 40, 129", "gpt2, F16, F16, 70, 67",
    "gpt2, F32, BF16, 9, 33", "gpt2, BF16, F32, 33, 64"
  })
  void zerosOfEitherSignGoAndNothingElse(
      String family, String zerosType, String type, int rows, int columns) throws IOException {
    float[] weights = new float[rows * columns];
    float[] zeros = new float[weights.length];
    float[] expected = new float[weights.length];
    for (int at = 0; at < weights.length; at++) {
      weights[at] = 1 + at % 5;
      // The smallest numbers of a type aren't zeros.
      float kept = at % 7 == 0 ? (zerosType.equals("F16") ? 0x1p-24f : 0x1p-133f) : -2;
      zeros[at] = at % 3 == 0 ? 0 : at % 11 == 0 ? -0f : kept;
      expected[at] = zeros[at] == 0 ? 0 : weights[at];
    }
    pruned = model("zeros", family, zerosType, numbers(zerosType, zeros), rows, columns);
    Path model = model("model", family, type, numbers(type, weights), rows, columns);
    Ended run = again(model, "--masks", pruned).succeeds();
    assertThat(run.json().get("pruned").asInt()).isPositive();
    assertThat(TestData.bytes(output.resolve("model.safetensors")).firstEntry().getValue())
        .isEqualTo(numbers(type, expected));
  }

  @Test
  void severalAreCombinedWithFilesOfMasks() throws IOException {
    float[] ones = {1, 1, 1, 1};
    Path model = model("model", "llama", "F32", numbers("F32", ones), 1, 4);
    Path first = model("a", "llama", "F32", numbers("F32", new float[] {0, 0, 1, 1}), 1, 4);
    Path second = model("b", "llama", "F32", numbers("F32", new float[] {0, 1, 0, 1}), 1, 4);
    Path masks = directory.resolve("masks.safetensors");
    again(model, "--masks", first, "--save-masks", masks).succeeds();
    output = directory.resolve("both");
    again(model, "--masks", masks, "--masks", second).succeeds();
    assertThat(TestData.floats(output.resolve("model.safetensors"), WEIGHT))
        .containsExactly(0, 0, 0, 1);
    output = directory.resolve("any");
    again(model, "--masks", first, "--masks", second, "--combine-masks", "union").succeeds();
    assertThat(TestData.floats(output.resolve("model.safetensors"), WEIGHT))
        .containsExactly(0, 1, 1, 1);
  }

  @Test
  void anotherSparsityIsAnotherRun() {
    digest(prune("--method magnitude"));
    again(dense, "--masks", pruned).succeeds();
    again(dense, "--masks", pruned, "--resume").succeeds();
    Path other = directory.resolve("other");
    InProcess.line(
            "prune --quiet --method magnitude --sparsity 0.25 --backend cpu --model %s --output %s",
            dense, other)
        .succeeds();
    again(dense, "--masks", other, "--resume").fails(2, "masks_sha256");
  }

  @Test
  void whatDoesNotFitTheModelIsNamedBeforeAnythingIsWritten() throws IOException {
    byte[] six = numbers("F32", new float[6]);
    Path model = model("model", "llama", "F32", six, 2, 3);
    Path turned = model("turned", "llama", "F32", six, 3, 2);
    again(model, "--masks", turned)
        .fails(3, "tensor " + WEIGHT + ": expected 2 x 3 weights, as in the model, found 3 x 2");
    Path more = model("more", "llama", "F32", six, 2, 3);
    new SafetensorsBytes()
        .raw("layers.1.mlp.up_proj.weight", "F32", six, 2, 3)
        .write(more.resolve("model.safetensors"));
    again(model, "--masks", more)
        .fails(3, "layers.1.mlp.up_proj.weight: expected a module of the model, found none");
    Path integers = model("integers", "llama", "I8", new byte[6], 2, 3);
    again(model, "--masks", integers).fails(3, "expected F32, F16 or BF16");
    prune("--method magnitude").succeeds();
    Path less = TestData.copy(dense, directory.resolve("less"));
    Files.delete(less.resolve("model-00002-of-00002.safetensors"));
    Files.delete(less.resolve("model.safetensors.index.json"));
    Files.move(less.resolve("model-00001-of-00002.safetensors"), less.resolve("model.safetensors"));
    again(dense, "--masks", less)
        .fails(
            3, "tensor model.layers.2.", "expected the module's weight, for its zeros, found none");
    again(dense, "--masks", InProcess.packed(pruned, directory.resolve("packed")))
        .fails(3, "expected weights that aren't packed", "unpack it first");
    Files.writeString(pruned.resolve(".wanda-cuda.journal"), "");
    again(dense, "--masks", pruned).fails(3, "expected a model, found");
    again(dense, "--masks", Files.createDirectory(directory.resolve("empty")))
        .fails(3, "config.json");
    assertThat(output).doesNotExist();
  }

  @Test
  void noFileOfThePrunedModelIsReplaced() {
    prune("--method magnitude").succeeds();
    again(dense, "--masks", pruned, "--overwrite", "--report", pruned.resolve("config.json"))
        .fails(2, "is what --masks reads, which is never replaced");
  }
}
