package io.github.wandacuda.job.structure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.job.cluster.ClusterRuns;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.output.Journal;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Experts;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Smaller models that parts of a run or a cluster write have the bytes of one process's. */
@Timeout(300)
class SharedStructureTest {
  private static final Path MIXTRAL = TestData.fixture("mixtral").resolve("model");
  private static final long SHARD = 30_000;
  private static final int SHARDS = 7;

  @TempDir static Path once;
  private static Path expected;

  @TempDir Path directory;

  @BeforeAll
  static void writeInOneProcess() {
    expected = once.resolve("expected");
    try (ModelDirectory model = ModelDirectory.open(MIXTRAL);
        Backend backend = Pruning.cpu(2)) {
      job(model, expected, 1)
          .run(backend, new PhaseClock(2), Progress.NONE, Optional.empty(), () -> {});
    }
  }

  private Path output() {
    return directory.resolve("out");
  }

  private Path shard(int number) {
    return output().resolve("model-0000%d-of-0000%d.safetensors".formatted(number, SHARDS));
  }

  private static StructureJob job(ModelDirectory model, Path output, int expert) {
    List<Integer> gone = List.of(expert);
    return new StructureJob(
        Experts.request(output, new TreeMap<>(Map.of(0, gone, 1, gone)), SHARD, true), model);
  }

  private Part.PartState part(String part) {
    return part(MIXTRAL, 1, part, ClusterRuns.local(), () -> {});
  }

  private Part.PartState part(
      Path path, int expert, String part, Cluster process, Runnable beforeEnd) {
    try (process;
        ModelDirectory model = ModelDirectory.open(path)) {
      StructureJob job = job(model, output(), expert);
      job.runPart(
          Part.parse(part),
          new OnCluster(process, ClusterRuns.CPU),
          new PhaseClock(2),
          Progress.NONE,
          beforeEnd);
      return job.part();
    }
  }

  private void cluster(Cluster cluster) {
    try (cluster;
        ModelDirectory model = ModelDirectory.open(MIXTRAL);
        Backend backend = Pruning.cpu(1)) {
      OnCluster on = new OnCluster(cluster, ClusterRuns.CPU);
      job(model, output(), 1)
          .run(backend, new PhaseClock(2), Progress.NONE, Optional.of(on), () -> {});
    }
  }

  private void assertSame() throws IOException {
    Directories.assertSame(expected, output());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 9})
  void partsOneAfterTheOther(int count) throws IOException {
    int done = 0;
    for (String part : ClusterRuns.parts(count).reversed()) {
      assertThat(part(part)).isEqualTo(new Part.PartState(Part.parse(part), ++done, done == count));
    }
    assertSame();
    FileTime written = Files.getLastModifiedTime(shard(1));
    assertThat(part("1/" + count).finished()).isTrue();
    assertThat(Files.getLastModifiedTime(shard(1))).isEqualTo(written);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 5})
  void partsAtOnceOfWhichOneCompletesTheOutput(int count) throws Exception {
    AtomicInteger completed = new AtomicInteger();
    ClusterRuns.atOnce(
        count, part -> part(MIXTRAL, 1, part, ClusterRuns.local(), completed::incrementAndGet));
    assertThat(completed).hasValue(1);
    assertSame();
  }

  @Test
  void aPartThatEndedInTheMiddleIsRunAgain() throws IOException {
    Cluster failing = ClusterRuns.picking(tasks -> tasks.subList(0, 2));
    assertThatThrownBy(() -> part(MIXTRAL, 1, "1/2", failing, () -> {})).hasMessage("switched off");
    assertThat(part("2/2").done()).isEqualTo(1);
    ClusterRuns.assertUnfinished(output());
    assertThat(part("1/2").finished()).isTrue();
    assertSame();
  }

  @Test
  void anyPartCompletesWhatTheLastBeganToComplete() throws IOException {
    part("1/2");
    Runnable failing =
        () -> {
          throw new IllegalStateException("switched off");
        };
    assertThatThrownBy(() -> part(MIXTRAL, 1, "2/2", ClusterRuns.local(), failing))
        .hasMessage("switched off");
    ClusterRuns.assertUnfinished(output());
    part("1/2");
    assertSame();
  }

  private List<Path> written() {
    part("1/3");
    return IntStream.rangeClosed(1, SHARDS).mapToObj(this::shard).filter(Files::exists).toList();
  }

  @Test
  void aShardThatIsGoneIsWrittenAgainByItsPart() throws IOException {
    Files.delete(written().getLast());
    part("2/3");
    assertThat(part("3/3")).isEqualTo(new Part.PartState(Part.parse("3/3"), 2, false));
    ClusterRuns.assertUnfinished(output());
    assertThat(part("1/3").finished()).isTrue();
    assertSame();
  }

  @Test
  void aShardThatWasDamagedIsWrittenAnewByItsPart() throws IOException {
    Damage.flip(written().getFirst(), -1, 1);
    ClusterRuns.parts(3).forEach(this::part);
    assertSame();
  }

  @Test
  void aShardThatWasDamagedBeforeTheLastPartIsNoticed() throws IOException {
    Path shard = written().getFirst();
    part("2/3");
    Damage.flip(shard, -1, 1);
    assertThatThrownBy(() -> part("3/3"))
        .isInstanceOf(VerificationException.class)
        .hasMessage(
            shard
                + ": expected the bytes that part 1 of 3 wrote, found others; run part 1 of 3"
                + " again");
    ClusterRuns.assertUnfinished(output());
    assertThat(part("1/3").finished()).isTrue();
    assertSame();
  }

  @Test
  void whatIsNoPartOfTheRunIsRefused() throws IOException {
    part("1/2");
    List<Path> files = Directories.files(output());
    assertRefused(() -> part("2/3"), "parts (there 2, now 3)");
    assertRefused(
        () -> part(MIXTRAL, 2, "2/2", ClusterRuns.local(), () -> {}),
        "removed (there {0=[1], 1=[1]}, now {0=[2], 1=[2]})");
    assertRefused(() -> cluster(ClusterRuns.local()), "parts (there 2, now none)");
    Path other = TestData.copy(MIXTRAL, directory.resolve("other"));
    Path weights = other.resolve("model.safetensors");
    for (long at = Files.size(weights) / 2; at < Files.size(weights); at += 256) {
      Damage.flip(weights, at, 1);
    }
    assertRefused(() -> part(other, 1, "2/2", ClusterRuns.local(), () -> {}), "weights");
    assertThat(Directories.files(output())).isEqualTo(files);
    Path copy = TestData.copy(MIXTRAL, directory.resolve("copy"));
    assertThat(part(copy, 1, "2/2", ClusterRuns.local(), () -> {}).finished()).isTrue();
    assertSame();
  }

  private static void assertRefused(Runnable other, String word) {
    assertThatThrownBy(other::run).isInstanceOf(UsageException.class).hasMessageContaining(word);
  }

  @Test
  void aClusterWritesTheSame() throws IOException {
    cluster(ClusterRuns.Several.of(3));
    assertSame();
  }

  @Test
  void aClusterThatEndedInTheMiddleGoesOn() throws IOException {
    Cluster failing = ClusterRuns.picking(tasks -> tasks.subList(3, SHARDS));
    assertThatThrownBy(() -> cluster(failing)).hasMessage("switched off");
    ClusterRuns.assertUnfinished(output());
    FileTime kept = Files.getLastModifiedTime(shard(5));
    Damage.flip(shard(4), -1, 1);
    cluster(ClusterRuns.local());
    assertThat(Files.getLastModifiedTime(shard(5))).isEqualTo(kept);
    assertSame();
  }

  @Test
  void aClusterThatSeesNotTheOutputWritesNothing() {
    Cluster blind =
        ClusterRuns.after(() -> OutputDirectory.delete(output().resolve(Journal.FILE_NAME)));
    assertThatThrownBy(() -> cluster(blind)).hasMessageContaining("a directory that all machines");
  }
}
