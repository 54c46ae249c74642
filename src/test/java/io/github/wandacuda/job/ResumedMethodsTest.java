package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs of the methods beyond Wanda that are stopped in the middle and go on. */
@Timeout(300)
class ResumedMethodsTest {
  private static final List<int[]> SAMPLES =
      TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).stream()
          .limit(3)
          .map(sample -> Arrays.copyOf(sample, 32))
          .toList();
  private static final int BLOCKS = 6;

  @TempDir Path directory;

  enum Kind {
    SPARSEGPT,
    SPARSEGPT_PATTERN,
    SWAPS_RECONSTRUCT,
    RIA,
    VARIANT,
    SHARED;

    PruningRules rules() {
      Sparsity half = new Sparsity.Ratio(0.5);
      return switch (this) {
        case SPARSEGPT -> all(ModuleRules.of(Method.SPARSEGPT, half));
        case SPARSEGPT_PATTERN ->
            all(ModuleRules.of(Method.SPARSEGPT, new Sparsity.GroupPattern(2, 4)));
        case SWAPS_RECONSTRUCT ->
            all(
                ModuleRules.of(Method.WANDA, half)
                    .with(MethodKey.REFINE, "swaps")
                    .with(MethodKey.UPDATE, "reconstruct"));
        case RIA -> all(ModuleRules.of(Method.RIA, half));
        case VARIANT -> all(ModuleRules.of(Method.WANDA_VARIANT, half));
        case SHARED -> all(ModuleRules.of(Method.RIA, half)).allocating(shares());
      };
    }

    private static PruningRules all(ModuleRules rules) {
      return new PruningRules(rules, Unreached.MAGNITUDE);
    }

    /** Returns what an allocation comes to. */
    private static Map<String, Double> shares() {
      try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
        return model.choose(ModuleChoice.DEFAULT).stream()
            .map(LinearModule::name)
            .collect(Collectors.toMap(name -> name, name -> name.contains(".0.") ? 0.25 : 0.55));
      }
    }
  }

  private PruneRequest request(Kind kind, Calibration calibration, String to) {
    return new PruneRequest(
            directory.resolve(to),
            kind.rules(),
            ModuleChoice.DEFAULT,
            calibration,
            true,
            true,
            kind == Kind.SHARED ? "atp, step 0.06" : null,
            Optional.empty())
        .with(new PruneRequest.Storage(IoMode.DIRECT, Duration.ZERO));
  }

  private static RunResult prune(PruneRequest request, Progress progress, MaskSink masks) {
    return Pruning.prune(TestData.TINY_LLAMA, request, 2, progress, masks);
  }

  private static void stopAfter(long step, PruneRequest request) {
    Thread caller = Thread.currentThread();
    assertThatThrownBy(
            () ->
                prune(
                    request,
                    (what, done, total) -> {
                      if (done >= step) {
                        caller.interrupt();
                      }
                    },
                    MaskSink.NONE))
        .isInstanceOf(CancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(request.output().resolve("config.json")).doesNotExist();
  }

  /** The masks of a run, by the modules' places. */
  private static final class Masks implements MaskSink {
    private final Map<Integer, String> packed = new TreeMap<>();

    @Override
    public synchronized void add(int index, MemorySegment mask) {
      packed.put(index, Arrays.toString(mask.toArray(ValueLayout.JAVA_BYTE)));
    }
  }

  /** Compares a run that goes on with an undisturbed one. */
  private void assertGoesOn(PruneRequest stopped, PruneRequest undisturbed) {
    Masks expected = new Masks();
    RunResult whole = prune(undisturbed, Progress.NONE, expected);
    Masks found = new Masks();
    RunResult resumed = prune(stopped, Progress.NONE, found);
    Directories.assertSame(undisturbed.output(), stopped.output());
    assertThat(found.packed).isEqualTo(expected.packed);
    assertThat(resumed.modules().stream().map(ModuleResult::errors).toList())
        .isEqualTo(whole.modules().stream().map(ModuleResult::errors).toList());
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      assertThat(Verifier.verify(model, stopped.output(), Verifier.Claim.NONE, 2).failures())
          .isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource
  @FirstCases(2)
  void aStopInABlockChangesNoByte(Kind kind) {
    Calibration samples = Pruning.samples(SAMPLES);
    PruneRequest stopped = request(kind, samples, "stopped");
    for (int block = 1; block < BLOCKS; block += 2) {
      stopAfter(block, stopped);
    }
    assertGoesOn(stopped, request(kind, samples, "undisturbed"));
  }

  /** Here what is written is kept module by module. */
  @ParameterizedTest
  @CsvSource({"SPARSEGPT", "SWAPS_RECONSTRUCT", "RIA", "SHARED"})
  @FirstCases
  void aStopBetweenModulesChangesNoByte(Kind kind) {
    Calibration statistics = Pruning.statistics(moments());
    PruneRequest stopped = request(kind, statistics, "stopped");
    for (int module = 1; module < 10; module += 3) {
      stopAfter(module, stopped);
    }
    assertGoesOn(stopped, request(kind, statistics, "undisturbed"));
  }

  private Path moments() {
    Path file = directory.resolve("moments.safetensors");
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2);
        Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      Map<String, Integer> features =
          model.choose(ModuleChoice.DEFAULT).stream()
              .collect(Collectors.toMap(LinearModule::name, LinearModule::columns));
      AtomicWrite.write(
          file,
          new MomentsCalibration(
              decoder, backend.operations(), SAMPLES, false, features::get, Progress.NONE));
    }
    return file;
  }
}
