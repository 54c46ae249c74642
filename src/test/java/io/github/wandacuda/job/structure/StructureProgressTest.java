package io.github.wandacuda.job.structure;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The choice of parts and their removal are told as one piece of work. */
class StructureProgressTest {
  @TempDir Path directory;

  /** The shares of the work that were told as done, and how often a beginning was told. */
  private static final class Shares implements Progress {
    private final List<Double> done = new ArrayList<>();
    private int begun;

    @Override
    public void step(String what, long number, long total, double share) {
      if (!what.equals("tensor")) {
        done.add(share);
      }
    }

    @Override
    public void begin(double share) {
      begun++;
    }
  }

  @ParameterizedTest
  @CsvSource({"AUTO, perplexity", "BLOCKS, loss", "BLOCKS, influence"})
  void sharesNeverGoBack(Structure structure, String score) {
    List<int[]> samples =
        IntStream.range(0, 8)
            .mapToObj(sample -> IntStream.range(sample, sample + 16).toArray())
            .toList();
    Calibration calibration = new Calibration.FromSamples(samples, "0".repeat(64), 0, false);
    RemovalRequest asked =
        new RemovalRequest(
            new Structure.Parts(
                structure, score, new Sparsity.Ratio(0.34), null, 0, Optional.of(Update.REALIGN)),
            false);
    Shares shares = new Shares();
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Backend backend = Pruning.cpu(2)) {
      StructureChoice.Chosen chosen =
          asked.choose(model, backend, calibration, Update.REALIGN, true, shares);
      assertThat(shares.done.getLast()).isLessThan(1);
      double share = asked.chosenShare(model, calibration, Update.REALIGN, chosen.trials().size());
      assertThat(shares.done.getLast()).isBetween(0.99 * share, 1.01 * share);
      StructureRequest request =
          StructureRequest.of(directory.resolve("out"), asked, chosen.removed())
              .chosenShare(share)
              .update(Update.REALIGN)
              .calibration(calibration)
              .shardBytes(1 << 20)
              .build();
      new StructureJob(request, model)
          .run(backend, new PhaseClock(2), shares, Optional.empty(), () -> {});
    }
    assertThat(shares.done).isSorted().last().isEqualTo(1.0);
    // Once for the whole, and once for the tensors that are written in the end.
    assertThat(shares.begun).isEqualTo(2);
  }
}
