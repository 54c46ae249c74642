package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a calibrated run moves over the bus, counted by the driver. */
@Tag("gpu")
@Tag("pretend")
class PretendTrafficTest {
  private static final int BLOCKS = 4;

  /** Over a block's own bytes: norms, reports, numbers of rows. */
  private static final double LIMIT = 1.02;

  /** Of a block's own bytes: a bit for each 16-bit weight, norms and reports. */
  private static final double MASK = 0.1;

  @TempDir Path directory;
  @AutoClose private final PretendCuda driver = PretendCuda.start();

  /**
   * Bytes that crossed the bus.
   *
   * @param up to the device
   */
  private record Moved(long up, long down) {
    Moved minus(Moved other) {
      return new Moved(up - other.up, down - other.down);
    }
  }

  private Moved moved() {
    return new Moved(driver.traffic("upBytes"), driver.traffic("downBytes"));
  }

  /** Prunes and returns what each block moved; the first one's begins with the embedding. */
  private List<Moved> prune(Backend backend, Path model, List<int[]> samples, String output) {
    PruneRequest request =
        Pruning.request(
            directory.resolve(output),
            Method.WANDA,
            Pruning.HALF,
            Pruning.samples(samples),
            false,
            false);
    List<Moved> blocks = new ArrayList<>();
    driver.traceTraffic();
    List<Moved> sums = new ArrayList<>(List.of(new Moved(0, 0)));
    Progress watch =
        (what, done, total, share) -> {
          if (what.equals("block")) {
            sums.add(moved());
            blocks.add(sums.getLast().minus(sums.get(sums.size() - 2)));
          }
        };
    try (ModelDirectory opened = ModelDirectory.open(model)) {
      PruneJob job = PruneJob.toOutput(opened, request);
      job.run(backend, watch, MaskSink.NONE, result -> {});
    }
    assertThat(blocks).hasSize(BLOCKS);
    return blocks;
  }

  /** Norms for selection come up through pinned memory too, each while other rows are selected. */
  private void assertOverlap(long expected, long block) {
    assertThat(driver.traffic("upOverlapped"))
        .isBetween(expected, expected + (long) ((LIMIT - 1) * block));
  }

  private static long blockBytes(Path model) {
    return bytes(model, "");
  }

  private static long linearBytes(Path model) {
    return bytes(model, "proj.weight");
  }

  /** Returns the bytes of a block's tensors whose names end in some way. */
  private static long bytes(Path model, String ending) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.shards().stream()
          .flatMap(shard -> shard.tensors().stream())
          .filter(tensor -> tensor.name().startsWith("model.layers.1."))
          .filter(tensor -> tensor.name().endsWith(ending))
          .mapToLong(tensor -> tensor.bytes())
          .sum();
    }
  }

  private static List<int[]> samples(GeneratedLlama llama, Path file, int count, int length)
      throws IOException {
    return TestData.tokens(llama.writeSamples(file, count, length));
  }

  /** What is saved for a resumed run goes down, but nothing comes up again. */
  @Test
  void aWeightCrossesTheBusOnceAndHiddenStatesStay() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 256, 704, 512);
    Path model = llama.write(directory.resolve("model"));
    List<int[]> samples = samples(llama, directory.resolve("samples.json"), 3, 32);
    long states = 3 * 32 * 256 * Float.BYTES;
    long block = blockBytes(model);
    List<Moved> blocks;
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      blocks = prune(backend, model, samples, "out");
    }
    // The embedding's rows and the tables of positions come up with the first block, and as with
    // each but the last the weights of the one that follows.
    for (Moved moved : blocks.subList(1, BLOCKS - 1)) {
      assertThat(moved.up()).isBetween(block, (long) (LIMIT * block));
    }
    for (Moved moved : blocks.subList(1, BLOCKS)) {
      assertThat(moved.down()).isLessThan((long) (MASK * block) + states);
    }
    assertThat(blocks.getLast().up()).isLessThan((long) ((LIMIT - 1) * block));
    assertThat(blocks.getLast().down()).isLessThan((long) (MASK * block));
    assertOverlap((BLOCKS - 1) * linearBytes(model), block);
  }

  /**
   * Of a quantized weight codes and scales go up, when its block begins, and the mask goes down.
   */
  @Test
  void ofAQuantizedWeightCodesCrossTheBusOnce() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 256, 704, 512);
    Path model = llama.writeFp8(directory.resolve("model"));
    List<int[]> samples = samples(llama, directory.resolve("samples.json"), 3, 32);
    long states = 3 * 32 * 256 * Float.BYTES;
    long block = blockBytes(model);
    List<Moved> blocks;
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      blocks = prune(backend, model, samples, "out");
    }
    for (Moved moved : blocks.subList(1, BLOCKS)) {
      assertThat(moved.up()).isBetween(block, (long) (LIMIT * block));
      assertThat(moved.down()).isLessThan((long) (2 * MASK * block) + states);
    }
  }

  /** Both runs are at the limit of what fits, so that a small one more or less shows. */
  @Test
  @Thorough
  void withoutRoomForTwoBlocksEachComesWhenItBeginsAndTheBytesAreTheSame() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 512, 1408, 64);
    Path model = llama.write(directory.resolve("model"));
    List<int[]> samples = samples(llama, directory.resolve("samples.json"), 1, 8);
    long block = blockBytes(model);
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      prune(backend, model, samples, "large");
      assertOverlap((BLOCKS - 1) * linearBytes(model), block);
    }
    driver.memory(2 * block);
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      List<Moved> blocks = prune(backend, model, samples, "small");
      assertOverlap(0, block);
      for (Moved moved : blocks.subList(1, BLOCKS)) {
        assertThat(moved.up()).isBetween(block, (long) (LIMIT * block));
      }
    }
    Directories.assertSame(directory.resolve("large"), directory.resolve("small"));
  }

  /** Another program takes memory after the backend has looked how much there is. */
  @Test
  @Thorough
  void onASmallDeviceCopiesOverlapKernelsAndTheBytesAreTheSame() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 64, 96, 256);
    Path model = llama.write(directory.resolve("model"));
    List<int[]> samples = samples(llama, directory.resolve("samples.json"), 3, 1100);
    long states = 3 * 1100 * 64 * Float.BYTES;
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      prune(backend, model, samples, "large");
    }
    driver.deferred(true);
    driver.memory(24 << 20);
    try (Backend backend = Backends.open("cuda", 0, 2).backend()) {
      assertThat(backend.operations()).isNotNull();
      driver.memory(12 << 20);
      List<Moved> blocks = prune(backend, model, samples, "small");
      // Twice up and once down for each block; the first batch has nothing to overlap with, and the
      // last one's way down is waited for before the next block's memory is given out.
      assertThat(blocks.get(1).up()).isBetween(2 * states, 3 * states);
      assertThat(driver.traffic("upOverlapped")).isGreaterThan(6 * states);
      assertThat(driver.traffic("downOverlapped")).isGreaterThan(2 * states);
      assertThat(driver.traffic("pageableBytes")).isLessThan(2 * states);
    }
    Directories.assertSame(directory.resolve("large"), directory.resolve("small"));
  }
}
