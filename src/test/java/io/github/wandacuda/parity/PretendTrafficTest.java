package io.github.wandacuda.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.prune.MaskSink;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.Unreached;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCuda;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a calibrated run moves over the bus, counted by the driver. */
@Tag("gpu")
@Tag("pretend")
class PretendTrafficTest {
  private static final int BLOCKS = 4;
  private static final int HIDDEN = 256;
  private static final int SAMPLES = 6;
  private static final int LENGTH = 96;
  private static final long STATES = 4L * SAMPLES * LENGTH * HIDDEN;

  /** Over a block's own bytes: norms, reports, numbers of rows. */
  private static final double LIMIT = 1.02;

  @TempDir static Path shared;
  private static Path model;
  private static List<int[]> samples;

  @TempDir Path directory;
  private PretendCuda driver;

  @BeforeAll
  static void generate() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, HIDDEN, 704, 512);
    model = llama.write(shared.resolve("model"));
    samples = TestData.tokens(llama.writeSamples(shared.resolve("samples.json"), SAMPLES, LENGTH));
  }

  @BeforeEach
  void start() {
    driver = PretendCuda.start();
  }

  @AfterEach
  void reset() {
    PretendCuda.start();
  }

  /**
   * Bytes that crossed the bus.
   *
   * @param up to the device
   * @param down from it
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
  private List<Moved> prune(String output) {
    PruneRequest request =
        new PruneRequest(
            directory.resolve(output),
            Method.WANDA,
            new Sparsity.Ratio(0.5),
            ModuleChoice.DEFAULT,
            Pruning.samples(samples),
            false,
            false,
            Unreached.MAGNITUDE);
    List<Moved> blocks = new ArrayList<>();
    try (ModelDirectory opened = ModelDirectory.open(model);
        Backend backend = Backends.open("cuda", 0, 2).backend()) {
      driver.traceTraffic();
      List<Moved> sums = new ArrayList<>(List.of(new Moved(0, 0)));
      Progress watch =
          (what, done, total) -> {
            if (what.equals("block")) {
              sums.add(moved());
              blocks.add(sums.getLast().minus(sums.get(sums.size() - 2)));
            }
          };
      PruneJob.toOutput(opened, request).run(backend, "test", watch, MaskSink.NONE, result -> {});
    }
    assertThat(blocks).hasSize(BLOCKS);
    return blocks;
  }

  private static long blockBytes() {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      return checkpoint.shards().stream()
          .flatMap(shard -> shard.tensors().stream())
          .filter(tensor -> tensor.name().startsWith("model.layers.1."))
          .mapToLong(tensor -> tensor.bytes())
          .sum();
    }
  }

  /** The embedding's rows and the tables of positions come up with the first block. */
  @Test
  void aWeightCrossesTheBusOnceAndHiddenStatesStay() {
    long block = blockBytes();
    List<Moved> blocks = prune("out");
    System.out.println(block + " states " + STATES + " " + blocks);
    for (Moved moved : blocks.subList(1, BLOCKS)) {
      assertThat(moved.up()).isBetween(block, (long) (LIMIT * block));
      assertThat(moved.down()).isLessThan((long) (LIMIT * block));
    }
  }

  @Test
  void onASmallDeviceCopiesOverlapKernelsAndTheBytesAreTheSame() {
    prune("large");
    driver = PretendCuda.start();
    driver.memory(14 << 20);
    List<Moved> blocks = prune("small");
    System.out.println(
        blocks
            + " overlapped "
            + driver.traffic("upOverlapped")
            + " "
            + driver.traffic("downOverlapped")
            + " pageable "
            + driver.traffic("pageableBytes"));
    Directories.assertSame(directory.resolve("large"), directory.resolve("small"));
  }
}
