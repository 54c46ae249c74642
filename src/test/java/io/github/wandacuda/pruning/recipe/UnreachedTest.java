package io.github.wandacuda.pruning.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** Experts that no sample reached. */
@Isolated
class UnreachedTest {
  private static final Path MODEL = TestData.fixture("qwen2_moe").resolve("model");
  private static final String EXPERT = "model.layers.1.mlp.experts.4.up_proj";

  /** Of six experts, a single token reaches three. */
  private static final Calibration ONE_TOKEN = Pruning.samples(List.of(new int[] {7}));

  @TempDir Path directory;

  private RunResult prune(String name, Sparsity amount, Calibration source, Unreached unreached) {
    return Pruning.prune(
        MODEL,
        Pruning.request(
            directory.resolve(name),
            Method.WANDA,
            amount,
            ModuleChoice.DEFAULT,
            source,
            true,
            false,
            unreached),
        2);
  }

  private List<String> verify(String name) {
    try (ModelDirectory dense = ModelDirectory.open(MODEL)) {
      return Verifier.verify(dense, directory.resolve(name), Verifier.Claim.NONE, 2, Progress.NONE)
          .failures();
    }
  }

  /** The fixture's statistics with no norm but zero for one module. */
  private Calibration withoutExpert() {
    Path fixture = TestData.fixture("qwen2_moe");
    Statistics all = Statistics.read(fixture.resolve("wanda50.statistics.safetensors"));
    TreeMap<String, float[]> norms = new TreeMap<>(all.norms());
    norms.put(EXPERT, new float[norms.get(EXPERT).length]);
    Path file = directory.resolve("some.safetensors");
    AtomicWrite.replace(file, new Statistics(norms, 4, 44).content());
    return Pruning.statistics(file);
  }

  private static ModuleResult expert(RunResult result) {
    return result.modules().stream()
        .filter(module -> module.module().name().equals(EXPERT))
        .findFirst()
        .orElseThrow();
  }

  private byte[] weights(String name) {
    return TestData.bytes(directory.resolve(name).resolve("model.safetensors"))
        .get(EXPERT + ".weight");
  }

  private static byte[] dense() {
    return TestData.bytes(MODEL.resolve("model.safetensors")).get(EXPERT + ".weight");
  }

  @Test
  void byDefaultItsSmallestWeightsGo() {
    RunResult result = prune("out", new Sparsity.Ratio(0.5), withoutExpert(), Unreached.MAGNITUDE);
    assertThat(Unreached.in(result.modules())).containsExactly(EXPERT);
    assertThat(expert(result).pruned()).isEqualTo(24 * 16);
    float[] before = floats(dense());
    float[] after = floats(weights("out"));
    for (int row = 0; row < 24; row++) {
      float kept = Float.POSITIVE_INFINITY;
      float gone = 0;
      for (int at = row * 32; at < (row + 1) * 32; at++) {
        float size = Math.abs(before[at]);
        kept = after[at] == 0 ? kept : Math.min(kept, size);
        gone = after[at] == 0 ? Math.max(gone, size) : gone;
      }
      assertThat(gone).isLessThanOrEqualTo(kept);
    }
    assertThat(verify("out")).isEmpty();
  }

  private static float[] floats(byte[] bytes) {
    float[] floats = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    return floats;
  }

  @Test
  void itStaysWhole() throws Exception {
    for (Sparsity amount : List.of(new Sparsity.Ratio(0.5), Pruning.sparsity("2:4"))) {
      String name = "out" + amount.toString().length();
      RunResult result = prune(name, amount, withoutExpert(), Unreached.KEEP);
      assertThat(expert(result).pruned()).isZero();
      assertThat(weights(name)).isEqualTo(dense());
      assertThat(verify(name)).isEmpty();
      assertThat(Files.readString(directory.resolve(name).resolve(Provenance.FILE_NAME)))
          .contains("\"kept\" : [ \"" + EXPERT + "\" ]");
    }
  }

  @Test
  void itFailsTheRunBeforeAnythingIsWritten() {
    assertThatThrownBy(() -> prune("out", new Sparsity.Ratio(0.5), withoutExpert(), Unreached.FAIL))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(EXPERT + ": all norms are zero");
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @Test
  void manyOfThemTakeOneLine() {
    PrintStream before = System.err;
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    try {
      prune("many", new Sparsity.Ratio(0.5), ONE_TOKEN, Unreached.MAGNITUDE);
    } finally {
      System.setErr(before);
    }
    assertThat(log.toString(StandardCharsets.UTF_8).lines())
        .filteredOn(line -> line.contains("no sample reached"))
        .singleElement()
        .asString()
        .contains(".experts.", " and 17 more modules: all norms are zero");
  }

  @Test
  void calibratedRunsTakeNoticeToo() {
    for (Unreached unreached : List.of(Unreached.MAGNITUDE, Unreached.KEEP)) {
      String name = unreached.label();
      RunResult result = prune(name, new Sparsity.Ratio(0.5), ONE_TOKEN, unreached);
      // Three modules of three experts in each of two blocks.
      assertThat(Unreached.in(result.modules()))
          .hasSize(2 * 3 * 3)
          .allMatch(it -> it.contains("experts."));
      long zeros =
          result.modules().stream()
              .filter(module -> Unreached.in(result.modules()).contains(module.module().name()))
              .mapToLong(ModuleResult::pruned)
              .sum();
      assertThat(zeros).isEqualTo(unreached == Unreached.KEEP ? 0 : 2 * 3 * 3 * 24 * 32 / 2);
      assertThat(verify(name)).isEmpty();
    }
    assertThatThrownBy(() -> prune("fail", new Sparsity.Ratio(0.5), ONE_TOKEN, Unreached.FAIL))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("no sample reached it");
    assertThat(directory.resolve("fail").resolve("config.json")).doesNotExist();
  }

  @Test
  void onlyNormsThatAreAllZeroSaySo() {
    assertThat(Unreached.isUnreached(null)).isFalse();
    assertThat(Unreached.isUnreached(new float[0])).isFalse();
    assertThat(Unreached.isUnreached(new float[3])).isTrue();
    assertThat(Unreached.isUnreached(new float[] {0, 0, Float.MIN_VALUE})).isFalse();
    assertThat(Arrays.stream(Unreached.values()).map(Unreached::label))
        .containsExactly("magnitude", "keep", "fail");
  }
}
