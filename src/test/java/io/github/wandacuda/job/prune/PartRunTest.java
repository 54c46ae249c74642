package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.cluster.ClusterRuns;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Parts that are run in whatever way come to the output of a run in one piece, to the byte. */
@Timeout(300)
class PartRunTest {
  private static final Calibration STATISTICS =
      Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  @TempDir static Path once;
  private static Path expected;
  private static RunResult inOnePiece;

  @TempDir Path directory;

  @BeforeAll
  static void pruneInOnePiece() {
    expected = once.resolve("expected");
    inOnePiece = Pruning.prune(TestData.TINY_LLAMA, expected, Method.WANDA, HALF, STATISTICS);
  }

  private Path output() {
    return directory.resolve("out");
  }

  private PruneRequest request(Method method, Sparsity sparsity, Calibration norms) {
    return Pruning.request(output(), method, sparsity, norms, true, true);
  }

  private PruneRequest wanda() {
    return request(Method.WANDA, HALF, STATISTICS);
  }

  private static RunResult run(Path model, PruneRequest request, String part, Cluster process) {
    return run(model, request, part, process, result -> {});
  }

  private static RunResult run(
      Path model,
      PruneRequest request,
      String part,
      Cluster process,
      Consumer<RunResult> beforeEnd) {
    try (process;
        ModelDirectory source = ModelDirectory.open(model);
        Backend backend = Pruning.cpu(1)) {
      return PruneJob.toOutput(source, request)
          .part(Part.parse(part), new OnCluster(process, ClusterRuns.CPU))
          .run(backend, Progress.NONE, MaskSink.NONE, beforeEnd);
    }
  }

  private static RunResult run(PruneRequest request, String part) {
    return run(TestData.TINY_LLAMA, request, part, ClusterRuns.local());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void partsOneAfterTheOtherComeToTheSame(int count) throws IOException {
    RunResult last = null;
    for (String part : ClusterRuns.parts(count).reversed()) {
      last = run(wanda(), part);
    }
    assertThat(last.part().finished()).isTrue();
    Directories.assertSame(expected, output());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 7})
  void partsAtOnceComeToTheSameAndOneCompletesIt(int count) throws Exception {
    List<RunResult> completed = new ArrayList<>();
    ClusterRuns.atOnce(
        count,
        part ->
            run(
                TestData.TINY_LLAMA,
                wanda(),
                part,
                ClusterRuns.local(),
                result -> {
                  synchronized (completed) {
                    completed.add(result);
                  }
                }));
    assertThat(completed).hasSize(1);
    Directories.assertSame(expected, output());
  }

  @ParameterizedTest
  @ValueSource(strings = {"MAGNITUDE", "RIA"})
  @Thorough
  void otherMethodsToo(Method method) throws IOException {
    Path expected = directory.resolve("expected");
    Calibration norms = method == Method.RIA ? STATISTICS : new Calibration.None();
    Pruning.prune(TestData.TINY_LLAMA, expected, method, HALF, norms);
    ClusterRuns.parts(2).forEach(part -> run(request(method, HALF, norms), part));
    Directories.assertSame(expected, output());
  }

  @Test
  void aPartTellsOfItsShareAndTheLastOneOfAll() {
    RunResult first = run(wanda(), "1/3");
    assertThat(first.part().done()).isEqualTo(1);
    assertThat(first.part().finished()).isFalse();
    assertThat(first.provenance().maskSha256()).isNull();
    assertThat(first.wasFinished()).isFalse();
    ClusterRuns.assertUnfinished(output());
    RunResult second = run(wanda(), "3/3");
    assertThat(second.part().done()).isEqualTo(2);
    RunResult last = run(wanda(), "2/3");
    assertThat(last.part().done()).isEqualTo(3);
    assertThat(last.part().finished()).isTrue();
    assertThat(first.provenance().pruned() + second.provenance().pruned())
        .isLessThan(last.provenance().pruned());
    assertThat(first.modules()).isNotEmpty().hasSizeLessThan(last.modules().size());
    assertThat(last.provenance()).isEqualTo(inOnePiece.provenance());
    assertThat(last.modules()).hasSameSizeAs(inOnePiece.modules());
    assertThat(last.zeroRows()).isEqualTo(inOnePiece.zeroRows());
    assertThat(last.statistics(1, 1).norms())
        .containsOnlyKeys(inOnePiece.statistics(1, 1).norms().keySet());
  }

  @Test
  void aPartOfAFinishedRunHasNothingToDo() throws IOException {
    ClusterRuns.parts(2).forEach(part -> run(wanda(), part));
    FileTime before = Files.getLastModifiedTime(output().resolve(shard(1)));
    RunResult again = run(wanda(), "1/2");
    assertThat(again.wasFinished()).isTrue();
    assertThat(again.part().finished()).isTrue();
    assertThat(Files.getLastModifiedTime(output().resolve(shard(1)))).isEqualTo(before);
    Directories.assertSame(expected, output());
  }

  @Test
  void aPartThatEndedInTheMiddleIsRunAgain() throws IOException {
    Cluster failing = ClusterRuns.picking(tasks -> tasks.subList(0, 2));
    assertThatThrownBy(() -> run(TestData.TINY_LLAMA, wanda(), "1/1", failing))
        .hasMessage("switched off");
    ClusterRuns.assertUnfinished(output());
    List<FileTime> kept = new ArrayList<>();
    for (int shard = 1; shard <= 3; shard++) {
      Path file = output().resolve(shard(shard));
      kept.add(Files.exists(file) ? Files.getLastModifiedTime(file) : null);
    }
    assertThat(kept).containsOnlyOnce((FileTime) null);
    run(wanda(), "1/1");
    for (int shard = 1; shard <= 3; shard++) {
      if (kept.get(shard - 1) != null) {
        assertThat(Files.getLastModifiedTime(output().resolve(shard(shard))))
            .isEqualTo(kept.get(shard - 1));
      }
    }
    Directories.assertSame(expected, output());
  }

  @ParameterizedTest
  @ValueSource(strings = {"1/2", "2/2"})
  void anyPartCompletesWhatTheLastBeganToComplete(String again) throws IOException {
    run(wanda(), "1/2");
    assertThatThrownBy(
            () ->
                run(
                    TestData.TINY_LLAMA,
                    wanda(),
                    "2/2",
                    ClusterRuns.local(),
                    result -> {
                      throw new IllegalStateException("switched off");
                    }))
        .hasMessage("switched off");
    ClusterRuns.assertUnfinished(output());
    run(wanda(), again);
    Directories.assertSame(expected, output());
  }

  @Test
  void theLastFilesMayBeThereBeforeTheEnd() throws IOException {
    run(wanda(), "1/2");
    // As if the last part had been killed when it had copied them.
    for (String file : List.of("config.json", "model.safetensors.index.json")) {
      Files.copy(TestData.TINY_LLAMA.resolve(file), output().resolve(file));
    }
    run(wanda(), "2/2");
    Directories.assertSame(expected, output());
  }

  @Test
  void whatWasLeftBetweenTheLastTwoStepsIsRemoved() throws IOException {
    run(wanda(), "1/2");
    List<Path> temporary =
        Directories.files(output()).stream()
            .filter(file -> file.toString().startsWith(".wanda-cuda"))
            .toList();
    assertThat(temporary).hasSizeGreaterThan(3);
    for (Path file : Directories.files(expected)) {
      Files.deleteIfExists(output().resolve(file));
      Files.copy(expected.resolve(file), output().resolve(file));
    }
    Files.move(
        output().resolve("wanda-cuda.json"),
        output().resolve(".wanda-cuda.journal"),
        StandardCopyOption.REPLACE_EXISTING);
    assertThat(run(wanda(), "1/2").wasFinished()).isTrue();
    Directories.assertSame(expected, output());
  }

  private Path writtenByTheFirst() {
    run(wanda(), "1/3");
    return IntStream.rangeClosed(1, 3)
        .mapToObj(shard -> output().resolve(shard(shard)))
        .filter(Files::exists)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aShardThatIsGoneHasToBeWrittenAgain() throws IOException {
    Files.delete(writtenByTheFirst());
    run(wanda(), "2/3");
    RunResult last = run(wanda(), "3/3");
    assertThat(last.part().finished()).isFalse();
    assertThat(last.part().done()).isEqualTo(2);
    run(wanda(), "1/3");
    Directories.assertSame(expected, output());
  }

  @Test
  void aShardThatWasDamagedIsWrittenAnewByItsPart() throws IOException {
    Damage.flip(writtenByTheFirst(), -1, 1);
    ClusterRuns.parts(3).forEach(part -> run(wanda(), part));
    Directories.assertSame(expected, output());
  }

  @Test
  void aShardThatWasDamagedBeforeTheLastPartIsNoticed() throws IOException {
    Path shard = writtenByTheFirst();
    run(wanda(), "2/3");
    Damage.flip(shard, -1, 1);
    for (String part : List.of("3/3", "2/3")) {
      assertThatThrownBy(() -> run(wanda(), part))
          .isInstanceOf(VerificationException.class)
          .hasMessageContainingAll(
              shard + ": tensor ",
              "expected the bytes that part 1 of 3 wrote, found others; run part 1 of 3 again");
      ClusterRuns.assertUnfinished(output());
    }
    assertThat(run(wanda(), "1/3").part().finished()).isTrue();
    Directories.assertSame(expected, output());
  }

  @Test
  void withoutVerificationTheLastPartSaysThatItChecksNothing() throws IOException {
    PruneRequest unverified =
        Pruning.request(output(), Method.WANDA, HALF, STATISTICS, false, true);
    run(unverified, "1/2");
    PrintStream before = System.err;
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    try {
      run(unverified, "2/2");
    } finally {
      System.setErr(before);
    }
    assertThat(log.toString(StandardCharsets.UTF_8))
        .contains("part 2 of 2 completes the output without a check of the other parts' shards");
    Directories.assertSame(expected, output());
  }

  @Test
  void aShardThatWasDamagedBetweenTheLastTwoStepsIsWrittenAgain() throws IOException {
    ClusterRuns.parts(2).forEach(part -> run(wanda(), part));
    Files.move(output().resolve("wanda-cuda.json"), output().resolve(".wanda-cuda.journal"));
    Damage.flip(output().resolve(shard(2)), -1, 1);
    ClusterRuns.parts(2).forEach(part -> run(wanda(), part));
    Directories.assertSame(expected, output());
  }

  private static String shard(int number) {
    return "model-0000%d-of-00003.safetensors".formatted(number);
  }

  private void assertRefused(Runnable other, String word) {
    List<Path> files = Directories.files(output());
    assertThatThrownBy(other::run).isInstanceOf(UsageException.class).hasMessageContaining(word);
    assertThat(Directories.files(output())).isEqualTo(files);
  }

  @Test
  void whatIsNoPartOfTheRunIsRefused() throws IOException {
    run(wanda(), "1/2");
    PruneRequest amount = request(Method.WANDA, new Sparsity.Ratio(0.6), STATISTICS);
    assertRefused(() -> run(amount, "2/2"), "sparsity (there 0.5, now 0.6)");
    Path file = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
    Calibration statistics =
        new Calibration.FromStatistics(
            file, ((Calibration.FromStatistics) STATISTICS).statistics(), () -> "1".repeat(64));
    PruneRequest others = request(Method.WANDA, HALF, statistics);
    assertRefused(() -> run(others, "2/2"), "statistics_sha256");
    assertRefused(() -> run(wanda(), "2/3"), "parts (there 2, now 3)");
    assertRefused(
        () -> Pruning.prune(TestData.TINY_LLAMA, wanda(), 1), "parts (there 2, now none)");
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    for (int shard = 1; shard <= 3; shard++) {
      Path weights = model.resolve(shard(shard));
      for (long at = Files.size(weights) / 2; at < Files.size(weights); at += 1024) {
        Damage.flip(weights, at, 1);
      }
    }
    assertRefused(() -> run(model, wanda(), "2/2", ClusterRuns.local()), "weights");
  }

  @Test
  void aCopyOfTheModelIsTheSameModel() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    Files.setLastModifiedTime(model.resolve(shard(1)), FileTime.from(Instant.EPOCH));
    run(wanda(), "1/2");
    run(model, wanda(), "2/2", ClusterRuns.local());
    Directories.assertSame(expected, output());
  }

  @Test
  void anInterruptedRunInOnePieceIsRefused() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(1)) {
      assertThatThrownBy(
              () ->
                  PruneJob.toOutput(model, wanda())
                      .run(
                          backend,
                          Progress.NONE,
                          MaskSink.NONE,
                          result -> {
                            throw new IllegalStateException("switched off");
                          }))
          .hasMessage("switched off");
    }
    assertThatThrownBy(() -> run(wanda(), "1/2"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("parts (there none, now 2)");
  }

  @Test
  void aPartThatIsAtWorkIsRefusedASecondTime() throws IOException {
    Cluster meanwhile =
        ClusterRuns.after(
            () ->
                assertThatThrownBy(() -> run(wanda(), "1/2"))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("part 1 of 2 is at work already"));
    run(TestData.TINY_LLAMA, wanda(), "1/2", meanwhile);
    run(wanda(), "2/2");
    Directories.assertSame(expected, output());
  }

  @Test
  void aPartThatRunsAgainCompletesTheOutputItself() throws IOException {
    run(wanda(), "1/2");
    Cluster meanwhile =
        ClusterRuns.after(
            () -> {
              RunResult last = run(wanda(), "2/2");
              assertThat(last.part().done()).isEqualTo(2);
              assertThat(last.part().finished()).isFalse();
            });
    assertThat(run(TestData.TINY_LLAMA, wanda(), "1/2", meanwhile).part().finished()).isTrue();
    Directories.assertSame(expected, output());
  }

  @Test
  void aBrokenShardEndsItsPartAndLeavesTheOthers() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    run(model, wanda(), "1/3", ClusterRuns.local());
    Set<Path> before = Set.copyOf(Directories.files(output()));
    Cluster broken = ClusterRuns.after(() -> Damage.resize(model.resolve("config.json"), -9));
    assertThatThrownBy(() -> run(model, wanda(), "2/3", broken)).isInstanceOf(InputException.class);
    assertThat(Directories.files(output())).containsAll(before);
    ClusterRuns.assertUnfinished(output());
  }

  @Test
  void afterNoCheckThereIsNoneInTheEnd() throws IOException {
    PruneRequest unchecked = Pruning.request(output(), Method.WANDA, HALF, STATISTICS, false, true);
    run(unchecked, "1/2");
    run(wanda(), "2/2");
    Directories.assertSame(expected, output());
  }

  @Test
  void aFileThatIsNoPartOfTheOutputIsRefused() throws IOException {
    Files.createDirectories(output());
    Files.writeString(output().resolve("notes.txt"), "mine");
    assertThatThrownBy(() -> run(wanda(), "1/2"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("notes.txt");
    assertThat(Directories.files(output())).containsExactly(Path.of("notes.txt"));
  }

  @Test
  void samplesAreRefused() {
    Calibration samples = Pruning.samples(List.of(new int[] {1, 2, 3, 4}));
    assertThatThrownBy(() -> run(request(Method.WANDA, HALF, samples), "1/2"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("`part` needs `statistics`");
    assertThat(output()).doesNotExist();
  }
}
