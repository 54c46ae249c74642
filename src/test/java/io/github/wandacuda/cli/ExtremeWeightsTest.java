package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Shares of modules whose weights are all equal, or tiny, or huge; and a share of nothing. */
@Isolated
class ExtremeWeightsTest {
  private static final Path FIXTURE = TestData.fixture("llama-gqa");
  private static final Path MODEL = FIXTURE.resolve("model");

  @TempDir Path directory;

  private Path statistics() {
    Path file = directory.resolve("statistics.safetensors");
    InProcess.line(
            "calibrate --model %s --calibration %s --second-moments --backend cpu --overwrite "
                + "--output %s",
            MODEL, FIXTURE.resolve("tokens.json"), file)
        .succeeds();
    return file;
  }

  private Ended prune(Path model, Path output, String... options) {
    return prune(model, statistics(), output, options);
  }

  private static Ended prune(Path model, Path statistics, Path output, String... options) {
    return InProcess.line(
        "prune --model %s --statistics %s --backend cpu --output %s --json",
        model, statistics, output, options);
  }

  /** Returns the model with other weights in its linear layers. */
  private Path changed(DoubleUnaryOperator change) throws IOException {
    Path model = Files.createDirectories(directory.resolve("model"));
    for (String name : TestData.names(MODEL)) {
      byte[] bytes = Files.readAllBytes(MODEL.resolve(name));
      if (name.endsWith(".safetensors")) {
        change(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), change);
      }
      Files.write(model.resolve(name), bytes);
    }
    return model;
  }

  private static void change(ByteBuffer file, DoubleUnaryOperator change) throws IOException {
    int header = (int) file.getLong(0);
    String json = new String(file.array(), 8, header, StandardCharsets.UTF_8);
    for (Map.Entry<String, JsonNode> tensor :
        JsonMapper.builder().build().readTree(json).properties()) {
      JsonNode offsets = tensor.getValue().path("data_offsets");
      if (tensor.getKey().contains("_proj.weight")) {
        assertThat(tensor.getValue().path("dtype").asText()).isEqualTo("F32");
        int end = 8 + header + offsets.path(1).asInt();
        for (int at = 8 + header + offsets.path(0).asInt(); at < end; at += Float.BYTES) {
          file.putFloat(at, (float) change.applyAsDouble(file.getFloat(at)));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0x1p-80, 0x1p-120, 0x1p64})
  void sparseGptPrunesWhatItDoesOfOrdinaryOnes(double scale) throws IOException {
    String[] options = {"--method", "sparsegpt", "--sparsity", "0.1"};
    prune(MODEL, directory.resolve("ordinary"), options);
    prune(changed(weight -> scale * weight), directory.resolve("out"), options).succeeds();
    assertThat(record("out").get("mask_sha256")).isEqualTo(record("ordinary").get("mask_sha256"));
  }

  /** All scores are 1. */
  @Test
  void aModuleWhoseShareIsMissedIsNamed() throws IOException {
    Path out = directory.resolve("out");
    String[] options = {"--method", "sparsegpt", "--sparsity", "0.1"};
    prune(changed(weight -> 1), independentInputs(), out, options)
        .fails(3, "layers.0.mlp.down_proj.weight", "10.00 %", "100.00 % would be pruned");
  }

  private Path independentInputs() throws IOException {
    SafetensorsBytes file =
        new SafetensorsBytes()
            .metadata("format", Statistics.FORMAT, "samples", "3", "sequence_length", "8");
    try (ModelDirectory model = ModelDirectory.open(MODEL)) {
      for (LinearModule module : model.modules()) {
        int columns = module.columns();
        float[] norms = new float[columns];
        Arrays.fill(norms, 1);
        float[] triangle = new float[(int) Gram.elements(columns)];
        for (int column = 0; column < columns; column++) {
          triangle[(int) Gram.rowStart(columns, column)] = 1;
        }
        file.f32(module.name() + ".input_norm", norms, columns);
        file.f32(module.name() + ".input_gram", triangle, triangle.length);
      }
    }
    return file.write(directory.resolve("independent.safetensors"));
  }

  @ParameterizedTest
  @CsvSource({
    "magnitude, ", "ria, ", "ria, --scope=row",
    "wanda-variant, ", "sparsegpt, ", "sparsegpt, --update=reconstruct",
    "wanda, --refine=swaps", "magnitude, --update=reconstruct"
  })
  void aShareOfNothingChangesNothing(String method, String more) throws IOException {
    List<String> options = new ArrayList<>(List.of("--method", method, "--sparsity", "0"));
    if (more != null) {
      options.add(more);
    }
    Path output = directory.resolve("out");
    prune(MODEL, output, options.toArray(String[]::new)).succeeds();
    assertThat(record("out").get("pruned").asInt()).isZero();
    for (String name : TestData.names(MODEL)) {
      assertThat(Files.mismatch(MODEL.resolve(name), output.resolve(name))).as(name).isEqualTo(-1);
    }
  }

  @Test
  void anErrorBeyondFloat32IsNullAndItsModuleNamed() throws IOException {
    Path report = directory.resolve("report.json");
    Path model = changed(weight -> 0x1p124 * weight);
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    PrintStream before = System.err;
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    Ended result;
    try {
      result =
          prune(
              model, directory.resolve("out"), "--refine", "swaps", "--report", report.toString());
    } finally {
      System.setErr(before);
    }
    assertThat(result.exitCode()).as(result.err()).isZero();
    assertThat(log.toString(StandardCharsets.UTF_8))
        .contains("layers.0.mlp.gate_proj: its outputs are beyond float32: no relative error");
    assertThat(result.json().get("relative_error").isNull()).isTrue();
    assertThat(result.out() + Files.readString(report)).doesNotContain("NaN", "Infinity");
    assertThat(TestData.json(report).get("modules"))
        .filteredOn(module -> module.get("name").asText().equals("model.layers.0.mlp.gate_proj"))
        .singleElement()
        .satisfies(
            module -> assertThat(module.get("relative_error").get("result").isNull()).isTrue());
  }

  private JsonNode record(String output) {
    return TestData.json(directory.resolve(output).resolve("wanda-cuda.json"));
  }
}
