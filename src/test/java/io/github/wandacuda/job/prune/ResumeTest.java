package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.CpuDecoder;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that are stopped in the middle and go on. */
@Timeout(300)
class ResumeTest {
  private static final String JOURNAL = ".wanda-cuda.journal";
  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final int BLOCKS = 6;
  private static final int MODULES = 7 * BLOCKS;

  @TempDir static Path once;

  /** For the methods beyond Wanda, which take longer. */
  private static Path small;

  private static Calibration smallSamples;
  private static Calibration manySamples;
  private static Calibration smallMoments;

  @TempDir Path directory;

  private Path model = TestData.TINY_LLAMA;
  private Path output;

  enum Kind {
    STATISTICS,
    MAGNITUDE,
    SAMPLES;

    Calibration calibration() {
      return switch (this) {
        case STATISTICS ->
            Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
        case MAGNITUDE -> new Calibration.None();
        case SAMPLES ->
            Pruning.samples(
                TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).stream()
                    .limit(3)
                    .map(sample -> Arrays.copyOf(sample, 32))
                    .toList());
      };
    }
  }

  @BeforeAll
  static void writeSmall() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 64, 96, 200);
    small = llama.write(once.resolve("small"));
    List<int[]> samples = TestData.tokens(llama.writeSamples(once.resolve("samples"), 3, 32));
    smallSamples = Pruning.samples(samples);
    manySamples =
        Pruning.samples(TestData.tokens(llama.writeSamples(once.resolve("many"), 16, 256)));
    Path moments = once.resolve("moments");
    try (CpuDecoder cpu = CpuDecoder.open(small, 2)) {
      AtomicWrite.replace(moments, cpu.moments(samples));
    }
    smallMoments = Pruning.statistics(moments);
  }

  @BeforeEach
  void name() {
    output = directory.resolve("out");
  }

  private static PruneRequest request(Kind kind, double sparsity, Path to) {
    Method method = kind == Kind.MAGNITUDE ? Method.MAGNITUDE : Method.WANDA;
    return Pruning.storing(
        Pruning.request(to, method, new Sparsity.Ratio(sparsity), kind.calibration(), false, true),
        IoMode.DIRECT,
        Duration.ZERO);
  }

  private PruneRequest verified(Kind kind) {
    Method method = kind == Kind.MAGNITUDE ? Method.MAGNITUDE : Method.WANDA;
    return Pruning.request(output, method, Pruning.HALF, kind.calibration(), true, true);
  }

  private RunResult prune(PruneRequest request, Progress progress) {
    return prune(request, 2, progress, MaskSink.NONE);
  }

  /** What is told to {@code progress} are the steps of pruning, without those of the check. */
  private RunResult prune(PruneRequest request, int threads, Progress progress, MaskSink masks) {
    Progress pruning =
        (what, done, total, share) -> {
          if (!what.startsWith("verified")) {
            progress.step(what, done, total);
          }
        };
    return Pruning.prune(model, request, threads, pruning, masks);
  }

  private RunResult prune(Kind kind) {
    return prune(request(kind, 0.5, output), Progress.NONE);
  }

  /** Returns what comes of a run that isn't stopped. */
  private static Path uninterrupted(Kind kind) {
    Path path = once.resolve("uninterrupted-" + kind);
    if (!Files.exists(path)) {
      Pruning.prune(TestData.TINY_LLAMA, request(kind, 0.5, path), 2);
    }
    return path;
  }

  /** Runs until a step is done, and is stopped there or a little later. */
  private void stopAfter(Kind kind, int step) {
    stopAfter(request(kind, 0.5, output), step, 2);
  }

  /**
   * Runs until a step is done, and is stopped there: exactly if there is one thread, which then
   * interrupts itself; others may do any number of modules until the first is given time to see it.
   */
  private void stopAfter(PruneRequest request, int step, int threads) {
    Pruning.stopped(step, stop -> prune(request, threads, stop, MaskSink.NONE))
        .hasMessageContaining("`resume`");
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(output.resolve("wanda-cuda.json")).doesNotExist();
    assertThat(output.resolve(JOURNAL)).exists();
  }

  private void assertGoesOn(Kind kind) {
    prune(kind);
    Directories.assertSame(uninterrupted(kind), output);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void oneStopGoesOnToTheSameBytes(Kind kind) {
    stopAfter(kind, 3);
    assertGoesOn(kind);
  }

  /** Each time a little is done, until nothing is left to be stopped at. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  @FirstCases(1)
  void manyStopsDoToo(Kind kind) {
    Thread caller = Thread.currentThread();
    int stops = 0;
    for (boolean done = false; !done; ) {
      int step = kind == Kind.SAMPLES ? stops + 1 : 1;
      try {
        prune(
            request(kind, 0.5, output),
            1,
            (what, now, total, share) -> {
              if (now >= step && now < total) {
                caller.interrupt();
              }
            },
            MaskSink.NONE);
        done = true;
      } catch (CancelledException e) {
        assertThat(Thread.interrupted()).isTrue();
        stops++;
      }
    }
    assertThat(stops).isEqualTo((kind == Kind.SAMPLES ? BLOCKS : MODULES) - 1);
    Directories.assertSame(uninterrupted(kind), output);
  }

  @Test
  void nothingButWhatIsMissingIsDone() {
    stopAfter(request(Kind.STATISTICS, 0.5, output), MODULES - 2, 1);
    List<Long> totals = new ArrayList<>();
    prune(request(Kind.STATISTICS, 0.5, output), (what, done, total, share) -> totals.add(total));
    assertThat(totals).containsExactly(2L, 2L);
  }

  @Test
  void atMostOneBlockIsDoneTwice() {
    for (int block = 1; block < BLOCKS; block++) {
      stopAfter(Kind.SAMPLES, block);
    }
    List<Long> blocks = new ArrayList<>();
    prune(request(Kind.SAMPLES, 0.5, output), (what, done, total, share) -> blocks.add(done));
    assertThat(blocks.get(0)).isGreaterThanOrEqualTo(BLOCKS - 1);
    Directories.assertSame(uninterrupted(Kind.SAMPLES), output);
  }

  /** The masks of a run, by the modules' places. */
  private static final class Masks implements MaskSink {
    private final Map<Integer, String> packed = new TreeMap<>();

    @Override
    public synchronized void add(int index, MemorySegment mask) {
      packed.put(index, Arrays.toString(mask.toArray(ValueLayout.JAVA_BYTE)));
    }
  }

  /** Returns the rules of a method, or of one whose total is shared out. */
  private static PruningRules rules(String what, String amount) {
    if (!amount.equals("shared")) {
      return new PruningRules(Pruning.rules(what, amount), Unreached.MAGNITUDE);
    }
    try (ModelDirectory opened = ModelDirectory.open(small)) {
      return new PruningRules(Pruning.rules(what, "0.5"), Unreached.MAGNITUDE)
          .allocating(
              opened.modules().stream()
                  .map(LinearModule::name)
                  .collect(
                      Collectors.toMap(name -> name, name -> name.contains(".0.") ? 0.25 : 0.55)));
    }
  }

  private PruneRequest small(String what, String amount, boolean bySamples, Path to) {
    Calibration sampled = what.endsWith("tune") ? manySamples : smallSamples;
    return Pruning.storing(
        PruneRequest.of(to, rules(what, amount))
            .calibration(bySamples ? sampled : smallMoments)
            .resume(true)
            .build()
            .with(rules(what, amount), amount.equals("shared") ? "atp, step 0.06" : null, true),
        IoMode.DIRECT,
        Duration.ZERO);
  }

  /** From statistics what is written is kept module by module, from samples block by block. */
  @ParameterizedTest
  @CsvSource({
    "wanda, 0.5, true",
    "sparsegpt, 0.5, true",
    "sparsegpt, 2:4, true",
    "sparsegpt, 0.5, false",
    "wanda+swaps+reconstruct, 0.5, true",
    "wanda+alps, 0.5, true",
    "wanda+swaps+alps, 2:4, false",
    "wanda+realign, 0.5, true",
    "wanda+tune, 0.5, true",
    "ria, 0.5, true",
    "wanda-variant, 0.5, true",
    "ria, shared, true",
    "wanda+swaps+reconstruct, 0.5, false",
    "ria, 0.5, false",
    "ria, shared, false"
  })
  @FirstCases(1)
  void everyMethodGoesOnToTheSameBytes(String what, String amount, boolean bySamples) {
    model = small;
    PruneRequest stopped = small(what, amount, bySamples, output);
    for (int step : bySamples ? new int[] {1, 3, 5} : new int[] {1, 4, 7}) {
      stopAfter(stopped, step, 1);
    }
    Masks expected = new Masks();
    PruneRequest undisturbed = small(what, amount, bySamples, directory.resolve("undisturbed"));
    RunResult whole = prune(undisturbed, 2, Progress.NONE, expected);
    Masks found = new Masks();
    RunResult resumed = prune(stopped, 2, Progress.NONE, found);
    Directories.assertSame(undisturbed.output(), output);
    assertThat(found.packed).isEqualTo(expected.packed);
    assertThat(resumed.provenance().pruned()).isEqualTo(whole.provenance().pruned());
    assertThat(resumed.provenance().maskSha256()).isEqualTo(whole.provenance().maskSha256());
    assertThat(resumed.modules()).hasSameSizeAs(whole.modules());
    for (int index = 0; index < MODULES; index++) {
      ModuleResult module = resumed.modules().get(index);
      assertThat(module.errors()).isEqualTo(whole.modules().get(index).errors());
      assertThat(module.norms()).isEqualTo(whole.modules().get(index).norms());
      assertThat(module.zeros()).isEqualTo(whole.modules().get(index).zeros());
    }
    try (ModelDirectory opened = ModelDirectory.open(small)) {
      assertThat(Verifier.verify(opened, output, Verifier.Claim.NONE, 2, Progress.NONE).failures())
          .isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whatWasDamagedMeanwhileIsDoneAgain(Kind kind) throws IOException {
    stopAfter(kind, 4);
    Path target = output.resolve(SHARD);
    Path shard = Files.exists(target) ? target : AtomicWrite.temporary(target);
    long length = Files.size(shard);
    for (long at = 10_000; at < length; at += 50_000) {
      Damage.put(shard, at, new byte[8]);
    }
    assertGoesOn(kind);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void statesThatAreDamagedAreNotUsed(int which) {
    stopAfter(Kind.SAMPLES, 4);
    Path states = output.resolve(".wanda-cuda.states-" + which);
    // It may be empty: the next states were about to be written to it.
    Damage.resize(states, -1);
    assertGoesOn(Kind.SAMPLES);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  @FirstCases
  void aJournalThatWasCutOffIsGoodUpToThere(Kind kind) throws IOException {
    stopAfter(kind, 4);
    long length = Files.size(output.resolve(JOURNAL));
    for (long left : new long[] {length - 1, length / 2, 100, 1, 0}) {
      TestData.copy(output, directory.resolve("copy" + left));
      Path copied = directory.resolve("copy" + left);
      Damage.resize(copied.resolve(JOURNAL), left - length);
      prune(request(kind, 0.5, copied), Progress.NONE);
      Directories.assertSame(uninterrupted(kind), copied);
    }
  }

  @Test
  void withoutAJournalItStartsOver() throws IOException {
    stopAfter(Kind.STATISTICS, 4);
    Files.delete(output.resolve(JOURNAL));
    assertGoesOn(Kind.STATISTICS);
  }

  @Test
  void nothingThereIsABeginning() throws IOException {
    Files.createDirectories(output);
    assertGoesOn(Kind.STATISTICS);
  }

  /** What was begun with a model card can be ended without one, as when the card is what fails. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anUnfinishedRunIsEndedWithAndWithoutACard(boolean card) {
    stopAfter(withCard(request(Kind.STATISTICS, 0.5, output), card), 3, 2);
    prune(withCard(request(Kind.STATISTICS, 0.5, output), !card), Progress.NONE);
    Path straight = directory.resolve("straight");
    prune(withCard(request(Kind.STATISTICS, 0.5, straight), !card), Progress.NONE);
    assertThat(output.resolve("README.md").toFile().exists()).isEqualTo(!card);
    Directories.assertSame(straight, output);
  }

  private static PruneRequest withCard(PruneRequest request, boolean card) {
    return request.toBuilder().card(card).build();
  }

  @Test
  void aFinishedOutputStaysAsItIs() throws IOException {
    prune(Kind.STATISTICS);
    FileTime time = FileTime.from(Instant.EPOCH);
    for (Path file : Directories.files(output)) {
      Files.setLastModifiedTime(output.resolve(file), time);
    }
    RunResult result = prune(Kind.STATISTICS);
    assertThat(result.wasFinished()).isTrue();
    assertThat(result.provenance().pruned()).isEqualTo(552_960);
    for (Path file : Directories.files(output)) {
      assertThat(Files.getLastModifiedTime(output.resolve(file))).isEqualTo(time);
    }
  }

  @Test
  void theEndBetweenTheLastTwoStepsIsMadeUp() throws IOException {
    prune(Kind.STATISTICS);
    Files.move(output.resolve("wanda-cuda.json"), output.resolve(JOURNAL));
    assertThat(prune(Kind.STATISTICS).wasFinished()).isTrue();
    Directories.assertSame(uninterrupted(Kind.STATISTICS), output);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whatWasDamagedBetweenTheLastTwoStepsIsDoneAgain(Kind kind) throws IOException {
    PruneRequest verified = verified(kind);
    prune(verified, Progress.NONE);
    Files.move(output.resolve("wanda-cuda.json"), output.resolve(JOURNAL));
    Damage.flip(output.resolve(SHARD), -1, 1);
    assertThat(prune(verified, Progress.NONE).wasFinished()).isFalse();
    Directories.assertSame(uninterrupted(kind), output);
  }

  @Test
  void fittedWeightsThatWereDamagedBetweenTheLastTwoStepsAreFittedAgain() throws IOException {
    PruneRequest request =
        Pruning.request(output, Pruning.rules("sparsegpt", "0.5"), smallSamples, true);
    Pruning.prune(small, request, 2);
    Path whole = TestData.copy(output, directory.resolve("whole"));
    for (boolean damaged : List.of(false, true)) {
      Files.move(output.resolve("wanda-cuda.json"), output.resolve(JOURNAL));
      if (damaged) {
        // A bit of the last fitted weight that isn't zero.
        damageFitted();
      }
      assertThat(Pruning.prune(small, request, 2).wasFinished()).isEqualTo(!damaged);
      Directories.assertSame(whole, output);
    }
  }

  /** Changes a bit of a weight that was fitted, which is neither zero nor the source's. */
  private void damageFitted() {
    try (ModelDirectory written = ModelDirectory.open(output)) {
      LinearModule module = written.modules().getLast();
      byte[] bytes = TestData.bytes(module.shard().path()).get(module.tensor().name());
      int at = bytes.length - 1;
      while (bytes[at] == 0) {
        at--;
      }
      long place = module.shard().dataOffset() + module.tensor().begin() + at - 1;
      Damage.flip(module.shard().path(), place, 1);
    }
  }

  @Test
  void anotherRunsOutputIsRefusedAndSaysWhy() throws IOException {
    model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    stopAfter(Kind.STATISTICS, 4);
    assertRefused(request(Kind.STATISTICS, 0.6, output), "sparsity (there 0.5, now 0.6)");
    assertRefused(request(Kind.MAGNITUDE, 0.5, output), "method (there wanda, now magnitude)");
    assertRefused(request(Kind.SAMPLES, 0.5, output), "backend (there none, now cpu)");
    Path shard = model.resolve(SHARD);
    Files.setLastModifiedTime(shard, FileTime.from(Instant.EPOCH));
    assertRefused(request(Kind.STATISTICS, 0.5, output), SHARD, "changed 1970-01-01");
  }

  @Test
  void anotherFinishedOutputIsRefusedAndSaysWhy() throws IOException {
    model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    prune(Kind.STATISTICS);
    assertRefused(request(Kind.STATISTICS, 0.6, output), "sparsity (there 0.5, now 0.6)");
    Files.writeString(model.resolve("config.json"), " ", java.nio.file.StandardOpenOption.APPEND);
    assertRefused(request(Kind.STATISTICS, 0.5, output), "source_sha256");
  }

  private void assertRefused(PruneRequest request, String... said) {
    List<Path> before = Directories.files(output);
    assertThatThrownBy(() -> prune(request, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("another run")
        .hasMessageContainingAll(said);
    assertThat(Directories.files(output)).isEqualTo(before);
  }

  @Test
  void otherFilesAreNeverWrittenOver() throws IOException {
    Files.createDirectories(output);
    Files.writeString(output.resolve("mine"), "precious");
    assertThatThrownBy(() -> prune(Kind.STATISTICS))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("mine");
    assertThat(Directories.files(output)).containsExactly(Path.of("mine"));
  }

  @Test
  void anotherModelIsNeverWrittenOver() throws IOException {
    TestData.copy(TestData.TINY_LLAMA, output);
    assertThatThrownBy(() -> prune(Kind.STATISTICS))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("no interrupted run");
    Directories.assertSame(TestData.TINY_LLAMA, output);
  }

  @Test
  void anInterruptedOutputIsOnlyResumedWhenAsked() {
    stopAfter(Kind.STATISTICS, 4);
    Calibration statistics = Kind.STATISTICS.calibration();
    PruneRequest anew =
        Pruning.request(output, Method.WANDA, Pruning.HALF, statistics, false, false);
    assertThatThrownBy(() -> prune(anew, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContainingAll("interrupted", "`resume`");
  }

  @Test
  void twoRunsDontShareAnOutput() {
    stopAfter(Kind.STATISTICS, 4);
    try (Journal held = Journal.open(output)) {
      assertThat(held.file()).exists();
      assertThatThrownBy(() -> prune(Kind.STATISTICS))
          .isInstanceOf(UsageException.class)
          .hasMessageContaining("another run is at work");
    }
    assertGoesOn(Kind.STATISTICS);
  }

  @Test
  void whatBelongsToTheRunIsDoneBeforeItsEnd() {
    RuntimeException failure = new RuntimeException("no room for the report");
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(2)) {
      PruneJob job = PruneJob.toOutput(opened, request(Kind.STATISTICS, 0.5, output));
      assertThatThrownBy(
              () ->
                  job.run(
                      backend,
                      Progress.NONE,
                      MaskSink.NONE,
                      result -> {
                        throw failure;
                      }))
          .isSameAs(failure);
    }
    assertThat(output.resolve("config.json")).doesNotExist();
    assertGoesOn(Kind.STATISTICS);
  }
}
