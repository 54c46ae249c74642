package io.github.wandacuda.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.system.ResidentPages;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run with direct I/O leaves the page cache as it found it. */
class PageCacheTest {
  private static final int PAGE = 4096;

  /** Pages that the system may read when a header is read, before a run notes anything. */
  private static final long READ_AHEAD = 40;

  @TempDir Path directory;

  private Path model;
  private List<Path> shards;

  @BeforeEach
  void writeAModelThatIsNotCached() throws IOException {
    model = new GeneratedLlama(4, 128, 512, 100).write(directory.resolve("model"));
    try (Stream<Path> files = Files.list(model)) {
      shards = files.filter(file -> file.toString().endsWith(".safetensors")).sorted().toList();
    }
    for (Path shard : shards) {
      writePastTheCache(shard);
      assumeTrue(pagesHeld(shard) <= 1, "a file system with direct I/O");
    }
  }

  @Test
  void aCheckedRunTakesOutWhatItRead() {
    List<Long> before = shards.stream().map(PageCacheTest::pagesHeld).toList();
    List<Long> after = prune(IoMode.DIRECT);
    for (int shard = 0; shard < shards.size(); shard++) {
      assertThat(after.get(shard)).isBetween(before.get(shard), before.get(shard) + READ_AHEAD);
    }
  }

  @Test
  void aRunThroughTheCacheLeavesItThere() throws IOException {
    List<Long> after = prune(IoMode.BUFFERED);
    for (int shard = 0; shard < shards.size(); shard++) {
      assertThat(after.get(shard)).isGreaterThanOrEqualTo(wholePages(shards.get(shard)));
    }
  }

  @Test
  void whatWasThereBeforeStays() throws IOException {
    Path file = shards.getFirst();
    try (SafetensorsFile shard = SafetensorsFile.open(file)) {
      shard.bytes().readThroughCache();
      long before = pagesHeld(file);
      byte[] all = Files.readAllBytes(file);
      assertThat(pagesHeld(file)).isGreaterThanOrEqualTo(all.length / PAGE);
      shard.bytes().dropAdded();
      assertThat(pagesHeld(file)).isEqualTo(before);
      // The header was read when the file was opened.
      assertThat(before).isBetween(1L, READ_AHEAD);
    }
  }

  /** Returns for each shard how many of its pages are in the page cache after a run. */
  private List<Long> prune(IoMode mode) {
    PruneRequest request =
        Pruning.storing(
            Pruning.request(
                directory.resolve("output"),
                Method.MAGNITUDE,
                Pruning.HALF,
                new Calibration.None()),
            mode,
            Duration.ofHours(1));
    Pruning.prune(model, request, 1);
    return shards.stream().map(PageCacheTest::pagesHeld).toList();
  }

  private static void writePastTheCache(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    Files.delete(file);
    try (DirectIo io = DirectIo.of(IoMode.DIRECT);
        FileChannel plain =
            FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      Optional<BlockWriter> writer = io.writer(file, plain, content.length);
      assumeTrue(writer.isPresent(), "a file system with direct I/O");
      try (BlockWriter blocks = writer.get()) {
        blocks.write(MemorySegment.ofArray(content), 0);
        blocks.flush(0, Long.MAX_VALUE);
      }
      plain.force(true);
    }
  }

  private static long wholePages(Path file) throws IOException {
    return Files.size(file) / PAGE;
  }

  private static long pagesHeld(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      long length = channel.size();
      try (ResidentPages pages = ResidentPages.of(channel, length).orElse(null)) {
        assumeTrue(pages != null, "Linux");
        return Stream.iterate(0L, at -> at < length, at -> at + PAGE)
            .filter(at -> pages.holds(at, PAGE))
            .count();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
