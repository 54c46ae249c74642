package io.github.wandacuda.job.estimate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.pack.Packing;
import io.github.wandacuda.job.pack.PackingJob;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.CountedModel;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The bytes that a dry run says are read, beside those that the run reads. */
class SourceReadsTest {
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);
  private static final GeneratedLlama LLAMA = new GeneratedLlama(3, 64, 96, 256);

  /** Three batches. */
  static final Calibration SAMPLES = Pruning.samples(Collections.nCopies(9, new int[512]));

  @TempDir Path directory;

  /** Prunes a model and compares what is read with what is said. */
  static void check(
      Backend backend,
      Path model,
      Method method,
      Sparsity sparsity,
      ModuleChoice choice,
      Calibration calibration,
      boolean verify) {
    CountedModel counted = new CountedModel();
    Path output = model.resolveSibling("out");
    PruneRequest request =
        Pruning.request(
            output, method, sparsity, choice, calibration, verify, false, Unreached.MAGNITUDE);
    try (ModelDirectory source = counted.open(model)) {
      PruneJob job = PruneJob.toOutput(source, request);
      long said = job.needs(backend).readBytes();
      job.run(backend, Progress.NONE, MaskSink.NONE, result -> {});
      long written = verify ? SourceReads.ofTensors(source) : 0;
      long vectors =
          source
              .checkpoint()
              .tensors()
              .filter(entry -> !entry.info().isMatrix())
              .mapToLong(entry -> entry.info().bytes())
              .sum();
      long ofVectors = (verify ? 2 : 1) * vectors;
      assertThat(counted.vectors()).isGreaterThanOrEqualTo(ofVectors);
      assertThat(counted.matrices() + ofVectors + written).isEqualTo(said);
    }
  }

  private void check(Method method, Sparsity sparsity, Calibration calibration) throws IOException {
    check(method, sparsity, ModuleChoice.DEFAULT, calibration, false);
  }

  private void check(
      Method method,
      Sparsity sparsity,
      ModuleChoice choice,
      Calibration calibration,
      boolean verify)
      throws IOException {
    Path model = LLAMA.write(directory.resolve("model"));
    try (Backend backend = Pruning.cpu(2)) {
      check(backend, model, method, sparsity, choice, calibration, verify);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"WANDA", "RIA", "SPARSEGPT"})
  @FirstCases(1)
  void aBlockIsPrunedWhereItsSamplesHaveRun(Method method) throws IOException {
    check(method, HALF, SAMPLES);
  }

  @Test
  void whatIsCheckedIsReadTwiceMore() throws IOException {
    check(Method.WANDA, HALF, ModuleChoice.DEFAULT, SAMPLES, true);
  }

  @Test
  void aModuleThatIsNotPrunedIsCopiedToo() throws IOException {
    ModuleChoice choice = new ModuleChoice(List.of(), List.of(Pattern.compile("down_proj")));
    check(Method.WANDA, HALF, choice, SAMPLES, false);
  }

  @Test
  void aThresholdTakesTwoPassesMore() throws IOException {
    check(Method.MAGNITUDE, HALF, new Calibration.None());
  }

  @Test
  void aPatternTakesNone() throws IOException {
    check(Method.MAGNITUDE, new Sparsity.GroupPattern(2, 4), new Calibration.None());
  }

  @ParameterizedTest
  @EnumSource(names = {"WANDA", "RIA"})
  void fromStatistics(Method method) throws IOException {
    Path statistics = LLAMA.writeStatistics(directory.resolve("statistics.safetensors"));
    check(method, HALF, Pruning.statistics(statistics));
  }

  /** Whose positions are looked up as tokens are. */
  @Test
  void positionsAreRowsOfATable() throws IOException {
    Path model = directory.resolve("model");
    TestData.copy(TestData.fixture("gpt2").resolve("model"), model);
    int[] sample = {1, 2, 3, 4, 5, 6, 7, 8};
    try (Backend backend = Pruning.cpu(2)) {
      check(
          backend,
          model,
          Method.WANDA,
          HALF,
          ModuleChoice.DEFAULT,
          Pruning.samples(Collections.nCopies(3, sample)),
          false);
    }
  }

  /** The second time that a module is checked it is read as a written file. */
  @Test
  void inPlaceModulesAloneAreRead() throws IOException {
    CountedModel counted = new CountedModel();
    Path path = LLAMA.write(directory.resolve("model"));
    PruneRequest request = Pruning.request(path, Method.MAGNITUDE, HALF, new Calibration.None());
    try (ModelDirectory model = counted.open(path);
        Backend backend = Pruning.cpu(2)) {
      PruneJob job = PruneJob.inPlace(model, request);
      long said = job.needs(backend).readBytes();
      job.run(backend, Progress.NONE, MaskSink.NONE, result -> {});
      long written = model.modules().stream().mapToLong(module -> module.tensor().bytes()).sum();
      assertThat(counted.vectors()).isZero();
      assertThat(counted.matrices() + written).isEqualTo(said);
    }
  }

  private static long said(ModelDirectory model, boolean packed) {
    PruneRequest request =
        PruneRequest.of(
                model.path().resolveSibling("out"),
                new PruningRules(ModuleRules.of(Method.MAGNITUDE, HALF), Unreached.MAGNITUDE))
            .verify(false)
            .packed(packed)
            .build();
    try (Backend backend = Pruning.cpu(2)) {
      return PruneJob.toOutput(model, request).needs(backend).readBytes();
    }
  }

  /** A packed output is packed as {@code pack} does it, from what was written. */
  @Test
  void packingCountsZerosFirst() throws IOException {
    Path path = LLAMA.write(directory.resolve("model"));
    CountedModel counted = new CountedModel();
    try (ModelDirectory model = counted.open(path)) {
      long more = said(model, true) - said(model, false);
      var unused =
          new PackingJob(Packing.PACK, model, directory.resolve("packed"), false, false)
              .run(2, Progress.NONE);
      assertThat(counted.matrices() + counted.vectors()).isEqualTo(more);
    }
  }
}
