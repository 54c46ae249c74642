package io.github.wandacuda.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a search for a step has measured is kept for a run that resumes. */
class SavedStepsTest {
  private static final int BLOCKS = 3;

  /** Block by block, with those of steps that aren't tried as they are worse. */
  private static final long ALL = 11 * BLOCKS;

  @TempDir Path directory;

  private Path model;
  private List<int[]> samples;
  private Path output;
  private Path saved;

  @BeforeEach
  void write() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 32, 64, 100);
    model = llama.write(directory.resolve("model"));
    samples = TestData.tokens(llama.writeSamples(directory.resolve("samples"), 4, 16));
    output = directory.resolve("out");
    saved = output.resolve(".wanda-cuda.steps");
  }

  /** Searches, or stops in it, and returns the request that a run follows. */
  private PruneRequest search(
      Path to, double sparsity, List<int[]> with, boolean resume, Progress progress) {
    PruningRules rules =
        new PruningRules(
            ModuleRules.of(Method.WANDA, new Sparsity.Ratio(sparsity)), Unreached.MAGNITUDE);
    PruneRequest request = Pruning.request(to, rules, Pruning.samples(with), resume);
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(1)) {
      PruneJob job = PruneJob.toOutput(opened, request);
      return PruningPlan.of(rules, Allocation.Rule.ATP)
          .share(request, opened, job.chosen(), backend, Optional.empty(), progress);
    }
  }

  /** Goes on, and returns which blocks of which steps were gone through. */
  private List<Long> goOn() {
    List<Long> blocks = new ArrayList<>();
    search(output, 0.5, samples, true, (what, done, total, share) -> blocks.add(done));
    return blocks;
  }

  private void stopAfter(long block) {
    Pruning.stopped(block, progress -> search(output, 0.5, samples, true, progress))
        .hasMessageContaining("run the same again with `resume` to go on");
  }

  /** Searches and prunes without a stop. */
  private Path undisturbed() {
    Path whole = directory.resolve("undisturbed");
    PruneRequest shared = search(whole, 0.5, samples, false, Progress.NONE);
    assertThat(shared.allocation()).startsWith("atp, step ");
    Pruning.prune(model, shared, 1);
    return whole;
  }

  @Test
  void stepsThatWereMeasuredArentMeasuredAgain() {
    stopAfter(2 * BLOCKS + 1);
    assertThat(goOn()).startsWith(2L * BLOCKS + 1).isSorted().endsWith(ALL);
    // Nothing but the end of the search is left.
    assertThat(goOn()).containsExactly(ALL);
    PruneRequest shared = search(output, 0.5, samples, true, Progress.NONE);
    Pruning.stopped(2, progress -> Pruning.prune(model, shared, 1, progress));
    assertThat(goOn()).containsExactly(ALL);
    Pruning.prune(model, shared, 1);
    Path whole = undisturbed();
    Directories.assertSame(whole, output);
    // A finished output is left as it is.
    assertThat(goOn()).startsWith(1L);
    Directories.assertSame(whole, output);
  }

  @Test
  void stopsAfterEachStepEndTheSame() {
    for (long step = 1; step <= 2; step++) {
      stopAfter(step * BLOCKS + 1);
    }
    Pruning.prune(model, search(output, 0.5, samples, true, Progress.NONE), 1);
    Directories.assertSame(undisturbed(), output);
  }

  @Test
  void whatIsDamagedIsMeasuredAgain() throws IOException {
    stopAfter(BLOCKS + 1);
    byte[] whole = Files.readAllBytes(saved);
    for (int at : new int[] {0, whole.length / 2, whole.length - 2}) {
      Files.write(saved, whole);
      assertThat(goOn()).startsWith(BLOCKS + 1L);
      Files.write(saved, whole);
      Damage.put(saved, at, new byte[] {1});
      assertThat(goOn()).startsWith(1L);
    }
    Damage.resize(saved, -1);
    assertThat(goOn()).startsWith(1L);
    Pruning.prune(model, search(output, 0.5, samples, true, Progress.NONE), 1);
    Directories.assertSame(undisturbed(), output);
  }

  @Test
  void anotherRunIsRefused() throws IOException {
    stopAfter(BLOCKS + 1);
    byte[] before = Files.readAllBytes(saved);
    assertThatThrownBy(() -> search(output, 0.6, samples, true, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("holds the output of another run, which differs in sparsity (there");
    assertThatThrownBy(() -> search(output, 0.5, samples.subList(0, 3), true, Progress.NONE))
        .hasMessageContaining("which differs in samples (there 4, now 3)");
    assertThatThrownBy(() -> search(output, 0.5, samples, false, Progress.NONE))
        .hasMessageContaining("the output holds an interrupted run; `resume` goes on with it");
    assertThat(saved).hasBinaryContent(before);
    assertThat(goOn()).startsWith(BLOCKS + 1L);
  }

  @Test
  void whatCantBeSearchedLeavesNothing() {
    assertThatThrownBy(() -> search(output, 0.5, samples.subList(0, 1), false, Progress.NONE))
        .hasMessageContaining("expected 2 samples or more");
    assertThat(output).doesNotExist();
  }
}
