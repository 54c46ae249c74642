package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.Sha256;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/**
 * A decoder family's fixture on one backend: what Hugging Face transformers computed for a small
 * random model of the family, and the masks that Wanda gave it.
 */
final class FixtureChecks extends ModelChecks {
  private final Path fixture;
  private final JsonNode expected;
  private final List<int[]> tokens;

  FixtureChecks(String family, Backend backend) {
    this(family, backend, TestData.fixture(family).resolve("model"));
  }

  /** Checks another model directory, which is the family's in other words. */
  FixtureChecks(String family, Backend backend, Path model) {
    super(backend, model);
    fixture = TestData.fixture(family);
    expected = TestData.json(fixture.resolve("expected.json"));
    tokens = TestData.tokens(fixture.resolve("tokens.json"));
  }

  /** Checks every logit of every sample. */
  void logitsAre(double tolerance) {
    float[] logits = TestData.floats(fixture.resolve("logits.safetensors"), "logits");
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      for (int sample = 0; sample < tokens.size(); sample++) {
        float[] found = logits(decoder, tokens.get(sample));
        int start = sample * found.length;
        for (int i = 0; i < found.length; i++) {
          assertThat((double) found[i])
              .as("sample %d, logit %d", sample, i)
              .isCloseTo(logits[start + i], within(tolerance));
        }
      }
    }
  }

  /**
   * Checks the norms of every module of the dense model; those of dead columns are exactly 0.
   *
   * @param tolerance relative
   */
  void normsAre(double tolerance) {
    Statistics dense = Statistics.read(fixture.resolve("dense.statistics.safetensors"));
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      Statistics found = DenseCalibration.run(decoder, tokens, List.of(), Progress.NONE);
      assertThat(found.samples()).isEqualTo(4);
      assertThat(decoder.linearModules())
          .containsExactlyInAnyOrderElementsOf(dense.norms().keySet());
      assertSame(found, dense, tolerance);
    }
  }

  private static void assertSame(Statistics found, Statistics expected, double tolerance) {
    assertThat(found.norms().keySet()).isEqualTo(expected.norms().keySet());
    expected
        .norms()
        .forEach(
            (module, norms) -> {
              for (int column = 0; column < norms.length; column++) {
                assertThat((double) found.norms().get(module)[column])
                    .as("%s, column %d", module, column)
                    .isCloseTo(norms[column], within(tolerance * norms[column]));
              }
            });
  }

  /**
   * Checks the dense model's perplexity.
   *
   * @param tolerance relative
   */
  void perplexityIs(double tolerance) {
    try (ModelDirectory model = open();
        Decoder decoder = decoder(model)) {
      assertPerplexity("perplexity_dense", decoder, tolerance);
    }
  }

  private void assertPerplexity(String key, Decoder decoder, double tolerance) {
    double perplexity = expected.get(key).doubleValue();
    double found = Perplexity.of(decoder, tokens, Progress.NONE);
    assertThat(found).as(key).isCloseTo(perplexity, within(tolerance * perplexity));
  }

  /** Prunes by the norms that the sequential run saw, and checks every mask bit. */
  void masksFromStatisticsAreExact(Path output) {
    Path statistics = fixture.resolve("wanda50.statistics.safetensors");
    assertMasks(prune(backend, Pruning.statistics(statistics), output));
  }

  /**
   * Prunes block by block, and checks the masks, the norms that the run saw, and the pruned model's
   * perplexity.
   *
   * @param share of the mask bits that may differ; the norms and the perplexity are only checked
   *     where it is 0, since they follow from the masks of the blocks before
   * @param tolerance of norms and perplexity, relative
   */
  void calibratedRunAgrees(Path output, double share, double tolerance) {
    RunResult result = prune(backend, Pruning.samples(tokens), output);
    var masks = TestData.bytes(fixture.resolve("wanda50.masks.safetensors"));
    long different = 0;
    for (ModuleResult module : result.modules()) {
      byte[] mask = masks.get(module.module().name() + ".mask");
      different += differentBits(module.module(), mask, output);
    }
    assertThat((double) different / result.provenance().elements()).isLessThanOrEqualTo(share);
    if (share > 0) {
      assertThat(result.provenance().pruned()).isEqualTo(expected.get("pruned").longValue());
      return;
    }
    assertMasks(result);
    Statistics sequential = Statistics.read(fixture.resolve("wanda50.statistics.safetensors"));
    assertSame(result.statistics(4, tokens.get(0).length), sequential, tolerance);
    try (ModelDirectory model = ModelDirectory.open(output);
        Decoder decoder = decoder(model)) {
      assertPerplexity("perplexity_wanda50", decoder, tolerance);
    }
  }

  /**
   * Compares a mask with the zeros of the written output, but where the dense model has its own.
   */
  private long differentBits(LinearModule module, byte[] mask, Path output) {
    boolean[] kept = kept(module, output);
    boolean[] own = kept(module, model());
    int rowBytes = (module.columns() + 7) / 8;
    long different = 0;
    for (int i = 0; i < kept.length; i++) {
      int column = i % module.columns();
      int packed = mask[i / module.columns() * rowBytes + column / 8];
      different += !own[i] || kept[i] == ((packed >> column % 8 & 1) == 1) ? 0 : 1;
    }
    return different;
  }

  /**
   * Prunes as the fixture says, and compares each tensor that a mask touches by its digest.
   *
   * @param key what the fixture calls the run
   */
  void prunedTensorsAre(String key, Calibration calibration, Sparsity sparsity, Path output) {
    JsonNode run = expected.get(key);
    ModuleChoice choice = leftOut(run.path("not_2of4"));
    RunResult result = prune(backend, calibration, sparsity, choice, output);
    assertThat(result.provenance().maskSha256()).isEqualTo(run.get("mask_sha256").asText());
    try (Checkpoint written = Checkpoint.open(output)) {
      run.get("tensors")
          .properties()
          .forEach(
              tensor ->
                  assertThat(digest(written.find(tensor.getKey()).orElseThrow()))
                      .as(tensor.getKey())
                      .isEqualTo(tensor.getValue().asText()));
    }
  }

  private static String digest(Checkpoint.Entry entry) {
    byte[] bytes = TensorBytes.of(entry.shard(), entry.info());
    return HexFormat.of().formatHex(Sha256.digest().digest(bytes));
  }

  private void assertMasks(RunResult result) {
    assertThat(result.modules()).hasSize(expected.get("modules").intValue());
    assertThat(result.provenance().pruned()).isEqualTo(expected.get("pruned").longValue());
    assertThat(result.provenance().maskSha256()).isEqualTo(expected.get("mask_sha256").asText());
  }
}
