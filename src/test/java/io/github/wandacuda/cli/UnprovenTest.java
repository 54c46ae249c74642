package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code verify} says of weights that were fitted, which nothing in the source proves. */
class UnprovenTest {
  private static final Path MODEL = TestData.fixture("llama-gqa").resolve("model");
  private static final Path TOKENS = TestData.fixture("llama-gqa").resolve("tokens.json");
  private static final String WEIGHT = "model.layers.0.mlp.down_proj.weight";

  @TempDir static Path once;
  private static Path fitted;
  private static int modules;

  @TempDir Path directory;
  private Path pruned;

  @BeforeAll
  static void fit() {
    fitted = prune(once.resolve("fitted"), "--method sparsegpt");
    modules = record(fitted).get("modules").size();
  }

  @BeforeEach
  void copy() {
    pruned = TestData.copy(fitted, directory.resolve("pruned"));
  }

  private static Path prune(Path output, String options) {
    InProcess.line(
            "prune --model %s --output %s --calibration %s --backend cpu --quiet " + options,
            MODEL,
            output,
            TOKENS)
        .succeeds();
    return output;
  }

  private Ended verify(Object... more) {
    return InProcess.run(Words.of("verify --dense %s --pruned %s", MODEL, pruned, more));
  }

  private static JsonNode record(Path of) {
    return TestData.json(of.resolve("wanda-cuda.json"));
  }

  private void edit(Consumer<ObjectNode> change) throws IOException {
    ObjectNode record = (ObjectNode) record(pruned);
    change.accept(record);
    Files.writeString(pruned.resolve("wanda-cuda.json"), record.toString());
  }

  /** Gives every weight of a tensor that isn't zero another value, 1e20 in float32. */
  private void change(String tensor) {
    try (ModelDirectory model = ModelDirectory.open(pruned)) {
      LinearModule module =
          model.modules().stream()
              .filter(each -> each.tensor().name().equals(tensor))
              .findFirst()
              .orElseThrow();
      SafetensorsFile shard = module.shard();
      byte[] bytes = TestData.bytes(shard.path()).get(tensor);
      byte[] other = {(byte) 0x8c, 0x78, (byte) 0xad, 0x60};
      for (int at = 0; at < bytes.length; at += other.length) {
        if (!Arrays.equals(bytes, at, at + other.length, new byte[4], 0, 4)) {
          Damage.put(shard.path(), shard.dataOffset() + module.tensor().begin() + at, other);
        }
      }
    }
  }

  private void assertUnproven(String said) {
    Ended text = verify().succeeds();
    assertThat(text.out().lines().findFirst().orElseThrow())
        .startsWith(
            "verified but for %d tensors with fitted weights, which nothing proves (%s): "
                .formatted(modules, said));
    JsonNode json = verify("--json").succeeds().json();
    assertThat(json.get("verified").asBoolean()).isTrue();
    assertThat(json.get("unproven")).hasSize(modules);
    assertThat(json.get("unproven").toString()).contains("\"" + WEIGHT + "\"");
    verify("--strict").fails(5, modules + " tensors with fitted weights", "--strict allows none");
    JsonNode strict =
        InProcess.run(Words.of("verify --dense %s --pruned %s --strict --json", MODEL, pruned))
            .endsWith(5)
            .json();
    assertThat(strict.get("verified").asBoolean()).isFalse();
    assertThat(strict.get("failures")).isEmpty();
  }

  @Test
  void fittedTensorsAreCountedAndStrictAllowsNone() {
    assertThat(record(pruned).get("fitted_sha256")).hasSize(modules);
    assertUnproven("only their digests in wanda-cuda.json are checked");
  }

  @Test
  void masksAloneLeaveNothingUnproven() throws IOException {
    pruned = prune(directory.resolve("masked"), "--method wanda");
    assertThat(record(pruned).has("fitted_sha256")).isFalse();
    Ended text = verify("--strict").succeeds();
    assertThat(text.out()).startsWith("verified: ").contains("and nothing else changed");
    assertThat(verify("--json").json().get("unproven")).isEmpty();
    edit(record -> record.putObject("fitted_sha256").put(WEIGHT, "0".repeat(64)));
    verify().fails(5, "fitted_sha256: expected tensors that its run can have fitted");
  }

  @Test
  void aFittedWeightThatChangedIsNamed() {
    change(WEIGHT);
    verify().fails(5, WEIGHT, "wanda-cuda.json has the SHA-256", "found others");
  }

  @Test
  void aRecordOfAVersionWithoutDigestsSaysSo() throws IOException {
    edit(record -> record.remove("fitted_sha256"));
    assertUnproven("wanda-cuda.json has no digests of them");
  }

  @Test
  void aTensorWithoutADigestAmongOthersIsAFailure() throws IOException {
    edit(record -> ((ObjectNode) record.get("fitted_sha256")).remove(WEIGHT));
    verify().fails(5, "fitted_sha256: expected a digest of " + WEIGHT);
    edit(record -> ((ObjectNode) record.get("fitted_sha256")).put(WEIGHT, "none"));
    assertThat(verify("--json").endsWith(5).json().get("failures").toString())
        .contains("fitted_sha256 of " + WEIGHT + ": expected 64 hexadecimal digits, found none");
  }

  @Test
  void aRunOfWandaThatIsCalledSparseGptIsUnproven() throws IOException {
    pruned = prune(directory.resolve("masked"), "--method wanda");
    edit(record -> record.put("method", "sparsegpt").put("mode", "update"));
    change(WEIGHT);
    assertUnproven("wanda-cuda.json has no digests of them");
    edit(record -> record.put("method", "wanda").put("mode", "mask"));
    verify().fails(5, WEIGHT);
  }

  @Test
  void partsThatWereRemovedWithoutAnUpdateHaveNothingFitted() throws IOException {
    pruned = prune(directory.resolve("narrow"), "--structure channels --remove 20 --update none");
    verify("--strict").succeeds();
    change(WEIGHT);
    edit(record -> record.putArray("fitted").add(WEIGHT));
    verify().fails(5, "fitted: expected nothing without update, found [" + WEIGHT + "]");
    edit(record -> record.put("update", "twice"));
    verify().fails(5, "update: expected reconstruct or realign, found twice");
    edit(record -> record.put("update", "realign"));
    assertThat(verify().succeeds().out()).startsWith("verified but for 1 tensor with fitted");
  }

  @Test
  void aKeyThatNoVersionWritesIsRefused() throws IOException {
    edit(record -> record.put("proven", true));
    verify().fails(5, "proven: expected no such key in a record, found true");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--packed", "--no-verify", "--shares"})
  void everyWayOfWritingRecordsTheSameDigests(String way) {
    Path other = directory.resolve("other");
    String threads = way.equals("--shares") ? "--threads 1" : way;
    pruned = prune(other, "--method sparsegpt " + threads);
    assertThat(record(pruned)).isEqualTo(record(fitted));
    assertThat(verify("--json").succeeds().json().get("unproven")).hasSize(modules);
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "realign"})
  void ofARecipeTheFirstHalfsFittedTensorsCountToo(String update) throws IOException {
    Path recipe =
        Files.writeString(
            directory.resolve("recipe.yaml"),
            """
            - {structure: channels, remove: 20, update: %s}
            - {modules: mlp, method: wanda, sparsity: 0.5}
            """
                .formatted(update));
    pruned = prune(directory.resolve("both"), "--recipe " + recipe);
    boolean fits = update.equals("realign");
    JsonNode json = verify("--json").succeeds().json();
    assertThat(json.get("unproven").isEmpty()).isEqualTo(!fits);
    change(WEIGHT);
    verify().fails(5, WEIGHT, fits ? "has the SHA-256" : "or 0.0, found");
  }
}
