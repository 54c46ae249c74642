package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that are stopped in the middle and go on. */
@Timeout(300)
class ResumeTest {
  private static final String JOURNAL = ".wanda-cuda.journal";
  private static final String SHARD = "model-00001-of-00003.safetensors";
  private static final int BLOCKS = 6;
  private static final int MODULES = 7 * BLOCKS;

  @TempDir Path directory;

  private Path model;
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

  @BeforeEach
  void prepare() {
    model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    output = directory.resolve("out");
  }

  private PruneRequest request(Kind kind, double sparsity, Path to) {
    Method method = kind == Kind.MAGNITUDE ? Method.MAGNITUDE : Method.WANDA;
    return new PruneRequest(
            to,
            method,
            new Sparsity.Ratio(sparsity),
            ModuleChoice.DEFAULT,
            kind.calibration(),
            false,
            true,
            Unreached.MAGNITUDE)
        .with(new PruneRequest.Storage(IoMode.DIRECT, Duration.ZERO));
  }

  private RunResult prune(PruneRequest request, Progress progress) {
    return prune(request, 2, progress);
  }

  /** What is told to {@code progress} are the steps of pruning, without those of the check. */
  private RunResult prune(PruneRequest request, int threads, Progress progress) {
    Progress pruning =
        (what, done, total) -> {
          if (!what.startsWith("verified")) {
            progress.step(what, done, total);
          }
        };
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(threads)) {
      return PruneJob.toOutput(opened, request)
          .run(backend, "test", pruning, MaskSink.NONE, result -> {});
    }
  }

  private RunResult prune(Kind kind) {
    return prune(request(kind, 0.5, output), Progress.NONE);
  }

  /** Runs to the end elsewhere, to be compared with. */
  private Path uninterrupted(Kind kind) {
    Path path = directory.resolve("uninterrupted-" + kind);
    if (!Files.exists(path)) {
      prune(request(kind, 0.5, path), Progress.NONE);
    }
    return path;
  }

  /** Runs until a step is done, and is stopped there or a little later. */
  private void stopAfter(Kind kind, int step) {
    stopAfter(kind, step, 2);
  }

  /**
   * Runs until a step is done, and is stopped there: exactly if there is one thread, which then
   * interrupts itself; others may do any number of modules until the first is given time to see it.
   */
  private void stopAfter(Kind kind, int step, int threads) {
    Thread caller = Thread.currentThread();
    assertThatThrownBy(
            () ->
                prune(
                    request(kind, 0.5, output),
                    threads,
                    (what, done, total) -> {
                      if (done >= step) {
                        caller.interrupt();
                      }
                    }))
        .isInstanceOf(CancelledException.class)
        .hasMessageContaining("`resume`");
    assertThat(Thread.interrupted()).isTrue();
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
  void manyStopsDoToo(Kind kind) {
    Thread caller = Thread.currentThread();
    int stops = 0;
    for (boolean done = false; !done; ) {
      int step = kind == Kind.SAMPLES ? stops + 1 : 1;
      try {
        prune(
            request(kind, 0.5, output),
            1,
            (what, now, total) -> {
              if (now >= step && now < total) {
                caller.interrupt();
              }
            });
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
    stopAfter(Kind.STATISTICS, MODULES - 2, 1);
    List<Long> totals = new ArrayList<>();
    prune(request(Kind.STATISTICS, 0.5, output), (what, done, total) -> totals.add(total));
    assertThat(totals).containsExactly(2L, 2L);
  }

  @Test
  void atMostOneBlockIsDoneTwice() {
    for (int block = 1; block < BLOCKS; block++) {
      stopAfter(Kind.SAMPLES, block);
    }
    List<Long> blocks = new ArrayList<>();
    prune(request(Kind.SAMPLES, 0.5, output), (what, done, total) -> blocks.add(done));
    assertThat(blocks.get(0)).isGreaterThanOrEqualTo(BLOCKS - 1);
    Directories.assertSame(uninterrupted(Kind.SAMPLES), output);
  }

  @Test
  void theResultIsThatOfOneRun() {
    RunResult expected = prune(request(Kind.SAMPLES, 0.5, directory.resolve("a")), Progress.NONE);
    stopAfter(Kind.SAMPLES, 3);
    RunResult found = prune(Kind.SAMPLES);
    assertThat(found.pruned()).isEqualTo(expected.pruned());
    assertThat(found.maskSha256()).isEqualTo(expected.maskSha256());
    assertThat(found.modules()).hasSameSizeAs(expected.modules());
    for (int i = 0; i < expected.modules().size(); i++) {
      assertThat(found.modules().get(i).norms()).isEqualTo(expected.modules().get(i).norms());
      assertThat(found.modules().get(i).zeros()).isEqualTo(expected.modules().get(i).zeros());
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void whatWasDamagedMeanwhileIsDoneAgain(Kind kind) throws IOException {
    stopAfter(kind, 4);
    Path target = output.resolve(SHARD);
    Path shard = Files.exists(target) ? target : AtomicWrite.temporary(target);
    try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
      for (long at = 10_000; at < file.length(); at += 50_000) {
        file.seek(at);
        file.writeLong(0);
      }
    }
    assertGoesOn(kind);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void statesThatAreDamagedAreNotUsed(int which) throws IOException {
    stopAfter(Kind.SAMPLES, 4);
    Path states = output.resolve(".wanda-cuda.states-" + which);
    try (RandomAccessFile file = new RandomAccessFile(states.toFile(), "rw")) {
      // It may be empty: the next states were about to be written to it.
      file.setLength(Math.max(0, file.length() - 1));
    }
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
      try (RandomAccessFile file = new RandomAccessFile(copied.resolve(JOURNAL).toFile(), "rw")) {
        file.setLength(left);
      }
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

  @Test
  void aFinishedOutputStaysAsItIs() throws IOException {
    prune(Kind.STATISTICS);
    FileTime time = FileTime.from(Instant.EPOCH);
    for (Path file : Directories.files(output)) {
      Files.setLastModifiedTime(output.resolve(file), time);
    }
    RunResult result = prune(Kind.STATISTICS);
    assertThat(result.wasFinished()).isTrue();
    assertThat(result.pruned()).isEqualTo(552_960);
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

  @Test
  void anotherRunsOutputIsRefusedAndSaysWhy() throws IOException {
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
    PruneRequest anew =
        new PruneRequest(
            output,
            Method.WANDA,
            new Sparsity.Ratio(0.5),
            ModuleChoice.DEFAULT,
            Kind.STATISTICS.calibration(),
            false,
            false,
            Unreached.MAGNITUDE);
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
                      "test",
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

  @Test
  void linksInAnOutputAreNeverFollowed() throws IOException {
    stopAfter(Kind.STATISTICS, 4);
    Path precious = Files.writeString(directory.resolve("precious"), "mine");
    for (Path name : List.of(Path.of(SHARD), AtomicWrite.temporary(output.resolve(SHARD)))) {
      Path place = output.resolve(name);
      Files.deleteIfExists(place);
      Files.createSymbolicLink(place, precious);
    }
    assertGoesOn(Kind.STATISTICS);
    assertThat(precious).hasContent("mine");
    try (Stream<Path> files = Files.list(output)) {
      assertThat(files).noneMatch(Files::isSymbolicLink);
    }
  }
}
