package io.github.wandacuda.job.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Does one damage of every kind to a pruned model, and expects it to be named with its place. */
class DamagedOutputTest {
  private static final String MODULE = "model.layers.0.mlp.up_proj";
  private static final String WEIGHT = MODULE + ".weight";
  private static final int ROWS = 24;
  private static final int COLUMNS = 80;
  private static final int DAMAGED_ROW = 19;

  @TempDir Path directory;
  private Path dense;
  private Path pruned;

  /** A model of one module and one other tensor, of random weights without zeros. */
  private void prune(String dtype, Method method, String amount) throws IOException {
    dense = Files.createDirectory(directory.resolve("dense"));
    pruned = directory.resolve("pruned");
    Files.writeString(dense.resolve("config.json"), "{\"model_type\": \"any\"}");
    Files.writeString(dense.resolve("tokenizer.json"), "{\"version\": \"1.0\"}");
    new SafetensorsBytes()
        .raw(WEIGHT, dtype, weights(dtype), ROWS, COLUMNS)
        .raw("model.embed_tokens.weight", dtype, weights(dtype), ROWS, COLUMNS)
        .write(dense.resolve("model.safetensors"));
    Path statistics =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32(MODULE + ".input_norm", norms(), COLUMNS)
            .write(directory.resolve("statistics"));
    Pruning.prune(
        dense,
        pruned,
        method,
        Pruning.sparsity(amount),
        method == Method.MAGNITUDE ? new Calibration.None() : Pruning.statistics(statistics));
    assertThat(verify()).isEmpty();
  }

  private static byte[] weights(String dtype) {
    byte[] bytes = new byte[ROWS * COLUMNS * (dtype.equals("F32") ? 4 : 2)];
    new Random(11).nextBytes(bytes);
    // Neither zeros nor infinities: bits of the exponent are set, but not all.
    int step = dtype.equals("F32") ? 4 : 2;
    for (int at = step - 1; at < bytes.length; at += step) {
      bytes[at] = (byte) (bytes[at] & 0x80 | 0x3c);
    }
    return bytes;
  }

  private static float[] norms() {
    Random random = new Random(2);
    float[] norms = new float[COLUMNS];
    for (int column = 0; column < COLUMNS; column++) {
      norms[column] = 0.5f + random.nextFloat();
    }
    return norms;
  }

  private List<String> verify() {
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      return Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE).failures();
    }
  }

  private AbstractStringAssert<?> onlyFailure() {
    return assertThat(verify()).singleElement().asString();
  }

  private Path shard() {
    return pruned.resolve("model.safetensors");
  }

  private byte[] element(Path model, int row, int column) throws IOException {
    try (SafetensorsFile in = SafetensorsFile.open(model.resolve("model.safetensors"))) {
      TensorInfo tensor = in.tensor(WEIGHT).orElseThrow();
      int size = tensor.type().orElseThrow().bytes();
      byte[] bytes = new byte[size];
      in.read(tensor, ((long) row * COLUMNS + column) * size, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private void put(String tensor, int row, int column, byte[] bytes) {
    long at;
    try (SafetensorsFile in = SafetensorsFile.open(shard())) {
      at = in.dataOffset() + in.tensor(tensor).orElseThrow().begin();
    }
    Damage.put(shard(), at + ((long) row * COLUMNS + column) * bytes.length, bytes);
  }

  /** Returns the last column of the damaged row that was pruned, or that was kept. */
  private int column(boolean kept) throws IOException {
    for (int column = COLUMNS - 1; column >= 0; column--) {
      boolean zero = isZero(element(pruned, DAMAGED_ROW, column));
      if (zero != kept) {
        return column;
      }
    }
    throw new AssertionError("no such column");
  }

  private static boolean isZero(byte[] element) {
    for (byte part : element) {
      if (part != 0) {
        return false;
      }
    }
    return true;
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16"})
  void aBitOfAKeptWeight(String dtype) throws IOException {
    prune(dtype, Method.WANDA, "0.5");
    int column = column(true);
    byte[] element = element(pruned, DAMAGED_ROW, column);
    element[0] ^= 1;
    put(WEIGHT, DAMAGED_ROW, column, element);
    onlyFailure()
        .startsWith(shard() + ": tensor " + WEIGHT + ": ")
        .contains("row %d, column %d: expected ".formatted(DAMAGED_ROW, column))
        .matches(".* \\(0x[0-9a-f]+\\) or 0\\.0, found .* \\(0x[0-9a-f]+\\)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16"})
  void aNegativeZeroWhereAWeightWasPruned(String dtype) throws IOException {
    prune(dtype, Method.WANDA, "2:4");
    int column = column(false);
    byte[] negative = new byte[dtype.equals("F32") ? 4 : 2];
    negative[negative.length - 1] = (byte) 0x80;
    put(WEIGHT, DAMAGED_ROW, column, negative);
    onlyFailure()
        .startsWith(shard() + ": tensor " + WEIGHT)
        .contains("row %d, column %d".formatted(DAMAGED_ROW, column), "found -0.0 (0x80");
  }

  @ParameterizedTest
  @CsvSource({"0.5, 'row 19: expected at least 40 zeros, found 39'", "2:4, at least 2 zeros"})
  void aWeightThatCameBack(String amount, String said) throws IOException {
    prune("BF16", Method.WANDA, amount);
    int column = column(false);
    put(WEIGHT, DAMAGED_ROW, column, element(dense, DAMAGED_ROW, column));
    assertThat(verify())
        .anySatisfy(
            line ->
                assertThat(line)
                    .startsWith(shard() + ": tensor " + WEIGHT)
                    .contains("row " + DAMAGED_ROW, said))
        .anySatisfy(line -> assertThat(line).contains("wanda-cuda.json: mask_sha256"));
  }

  @Test
  void aRowWithMoreZerosThanItsMask() throws IOException {
    prune("F16", Method.WANDA, "0.5");
    put(WEIGHT, DAMAGED_ROW, column(true), new byte[2]);
    onlyFailure().contains("wanda-cuda.json: mask_sha256: expected ");
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      Verifier.Claim half = new Verifier.Claim(null, new Sparsity.Ratio(0.5), null);
      assertThat(Verifier.verify(model, pruned, half, 2, Progress.NONE).failures())
          .as("by the options alone more zeros are allowed")
          .isEmpty();
    }
  }

  @Test
  void aMatrixWithFewerZerosThanItsThresholdGives() throws IOException {
    prune("BF16", Method.MAGNITUDE, "0.5");
    int found = 0;
    for (int column = 0; column < COLUMNS; column++) {
      if (isZero(element(pruned, DAMAGED_ROW, column))) {
        put(WEIGHT, DAMAGED_ROW, column, element(dense, DAMAGED_ROW, column));
        found++;
      }
    }
    assertThat(found).isPositive();
    assertThat(verify())
        .anySatisfy(
            line ->
                assertThat(line)
                    .startsWith(shard() + ": tensor " + WEIGHT)
                    .contains("the matrix: expected at least 961 zeros, found "));
  }

  @Test
  void aTensorThatWasNotToBePruned() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    put("model.embed_tokens.weight", 7, 3, new byte[2]);
    onlyFailure()
        .startsWith(shard() + ": tensor model.embed_tokens.weight: ")
        .contains("byte %d".formatted((7 * COLUMNS + 3) * 2), "(row 7, column 3)", "found 0x00");
  }

  private void rewriteHeader(String from, String to) throws IOException {
    byte[] bytes = Files.readAllBytes(shard());
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertThat(text).contains(from);
    Files.write(shard(), text.replace(from, to).getBytes(StandardCharsets.ISO_8859_1));
  }

  @Test
  void tensorsThatChangedPlaces() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    new SafetensorsBytes()
        .raw("model.embed_tokens.weight", "BF16", weights("BF16"), ROWS, COLUMNS)
        .raw(WEIGHT, "BF16", TestData.bytes(shard()).get(WEIGHT), ROWS, COLUMNS)
        .write(shard());
    assertThat(verify())
        .hasSize(2)
        .allSatisfy(line -> assertThat(line).startsWith(shard() + ": tensor ").contains("at [0, "));
  }

  @ParameterizedTest
  @CsvSource({
    "'\"dtype\":\"BF16\",\"shape\":[24, 80]', '\"shape\":[24, 80],\"dtype\":\"BF16\"', 'header:"
        + " expected the source''s, found another at byte '",
    "'\"shape\":[24, 80]', '\"shape\":[80, 24]', 'expected BF16 [24, 80]'",
    "'\"dtype\":\"BF16\"', '\"dtype\":\"F16\" ', 'expected BF16 [24, 80]'",
    "mlp.up_proj, mlp.no_proj, expected none"
  })
  void anotherOrderShapeTypeOrName(String from, String to, String said) throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    rewriteHeader(from, to);
    assertThat(verify())
        .anySatisfy(line -> assertThat(line).startsWith(shard() + ": ").contains(said));
  }

  @Test
  void anExtraTensor() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    new SafetensorsBytes()
        .raw(WEIGHT, "BF16", TestData.bytes(shard()).get(WEIGHT), ROWS, COLUMNS)
        .raw("model.embed_tokens.weight", "BF16", weights("BF16"), ROWS, COLUMNS)
        .f32("model.extra", 3)
        .write(shard());
    onlyFailure()
        .startsWith(
            shard() + ": tensor model.extra: expected none, as in the source, found F32 [3]");
  }

  @Test
  void aSideFileThatChanged() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    Files.writeString(pruned.resolve("tokenizer.json"), "{\"version\": \"1.1\"}");
    onlyFailure().startsWith(pruned.resolve("tokenizer.json").toString()).contains("at byte 15");
  }

  /** Changes of {@code wanda-cuda.json} that the weights contradict. */
  enum Change {
    MASKS("mask_sha256", json -> json.put("mask_sha256", "00")),
    NO_MASKS("mask_sha256", json -> json.remove("mask_sha256")),
    MORE("row 0: expected at least", json -> json.put("sparsity", 0.9)),
    LESS("pruned: expected at most", json -> json.put("sparsity", 0.25)),
    A_PATTERN("columns 0 to 3", json -> json.put("pattern", "3:4").remove("sparsity")),
    ELEMENTS("elements: expected 1920", json -> json.put("elements", 1)),
    PRUNED("pruned: expected 960", json -> json.put("pruned", 961)),
    ZEROS("zeros: expected 960", json -> json.put("zeros", 0)),
    NO_MODULES("modules: expected", json -> json.putArray("modules")),
    OTHER_MODULES("modules: expected", json -> json.putArray("modules").add("other")),
    EXCLUDED("exclude", json -> json.putArray("exclude").add("up_proj")),
    NO_REGEX("include", json -> json.putArray("include").add("(")),
    FORMAT("format: expected wanda-cuda.provenance.v1", json -> json.put("format", "other")),
    NO_FORMAT("format: expected", json -> json.remove("format")),
    SOURCE("source_sha256: expected", json -> json.put("source_sha256", "0".repeat(64))),
    NO_SOURCE("source_sha256: expected", json -> json.remove("source_sha256")),
    STATISTICS("statistics_sha256: expected 64", json -> json.put("statistics_sha256", "12")),
    NO_NORMS("one of them, found neither", json -> json.remove("statistics_sha256")),
    BOTH("one of them, found both", json -> json.put("calibration_sha256", "0".repeat(64))),
    SAMPLES("samples: expected nothing with norms", json -> json.put("samples", 128)),
    LENGTH("sequence_length: expected nothing", json -> json.put("sequence_length", 128)),
    SEED("seed: expected nothing", json -> json.put("seed", 7)),
    UNREACHED("unreached: expected", json -> json.put("unreached", "dropped")),
    KEPT("kept: expected none with", json -> json.putArray("kept").add(MODULE)),
    KEPT_OTHERS("kept: expected pruned modules", json -> json.putArray("kept").add("other")),
    KEPT_PRUNED(
        "kept: expected modules as in the source",
        json -> json.put("unreached", "keep").putArray("kept").add(MODULE)),
    NO_VERSION("version: expected", json -> json.remove("version")),
    MILLION(
        "include, exclude: expected", json -> json.putArray("include").add("x".repeat(1 << 20))),
    DEEP(
        "include, exclude: expected", json -> json.putArray("exclude").add("(".repeat(4999) + "x")),
    A_METHOD("at least 961 zeros", json -> json.put("method", "magnitude")),
    NO_METHOD("method", json -> json.put("method", "guess")),
    NOT_A_NUMBER("sparsity", json -> json.put("sparsity", "half"));

    private final String said;
    private final Consumer<ObjectNode> edit;

    Change(String said, Consumer<ObjectNode> edit) {
      this.said = said;
      this.edit = edit;
    }
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(8)
  void aRecordThatTheWeightsContradict(Change change) throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    JsonMapper mapper = JsonMapper.builder().build();
    Path record = pruned.resolve("wanda-cuda.json");
    ObjectNode json = (ObjectNode) mapper.readTree(record.toFile());
    change.edit.accept(json);
    mapper.writeValue(record.toFile(), json);
    assertThat(verify()).anySatisfy(line -> assertThat(line).contains(change.said));
  }

  @Test
  void rowsAreCountedTheWorstFirst() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column <= row; column++) {
        put(WEIGHT, row, column, new byte[] {1, 2});
      }
    }
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      Verification found = Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE);
      assertThat(found.tensors())
          .singleElement()
          .satisfies(
              tensor -> {
                assertThat(tensor.tensor()).isEqualTo(WEIGHT);
                assertThat(tensor.count()).isEqualTo(tensor.rows().size()).isGreaterThan(ROWS);
                assertThat(tensor.rows())
                    .extracting(Verification.RowFailure::weight)
                    .isSortedAccordingTo(Comparator.reverseOrder());
                assertThat(tensor.rows().get(0).text())
                    .startsWith("row 23, column 0: expected ")
                    .endsWith(", and 23 more of the row");
              });
      assertThat(found.failures()).hasSize((int) found.count());
    }
  }

  /** What a loader doesn't read is no failure, but it is told of. */
  @Test
  void notesThatSomebodyAddedAreNoFailure() throws IOException {
    prune("BF16", Method.WANDA, "0.5");
    Files.createDirectories(pruned.resolve("images"));
    for (String name : List.of("README.md", "images/loss.png", ".gitattributes", "LICENSE")) {
      Files.writeString(pruned.resolve(name), "a note");
    }
    try (ModelDirectory model = ModelDirectory.open(dense)) {
      Verification found = Verifier.verify(model, pruned, Verifier.Claim.NONE, 2, Progress.NONE);
      assertThat(found.failures()).isEmpty();
      assertThat(found.holds()).isTrue();
      assertThat(found.added())
          .containsExactly(
              Path.of(".gitattributes"),
              Path.of("LICENSE"),
              Path.of("README.md"),
              Path.of("images/loss.png"));
    }
  }
}
