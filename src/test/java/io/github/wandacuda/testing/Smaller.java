package io.github.wandacuda.testing;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.StructureJob;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Runs that remove parts. */
public final class Smaller {
  private Smaller() {}

  /**
   * Writes a model without as many of each block, and returns which.
   *
   * @param samples choose them, and fit what is left
   */
  public static SortedMap<Integer, List<Integer>> of(
      Path path,
      Path output,
      Structure structure,
      String score,
      Update update,
      int count,
      List<int[]> samples,
      Backend backend) {
    try (ModelDirectory model = ModelDirectory.open(path)) {
      SortedMap<Integer, List<Integer>> first = new TreeMap<>();
      int blocks = model.config().decoder().root().get("num_hidden_layers").asInt();
      for (int block = 0; block < blocks; block++) {
        first.put(block, IntStream.range(0, count).boxed().toList());
      }
      return remove(model, output, structure, score, update, first, samples, backend);
    }
  }

  /** Writes a model without some parts and fits what is left; returns what went. */
  public static SortedMap<Integer, List<Integer>> remove(
      ModelDirectory model,
      Path output,
      Structure structure,
      String score,
      Update update,
      SortedMap<Integer, List<Integer>> removed,
      List<int[]> samples,
      Backend backend) {
    Calibration calibration =
        samples.isEmpty()
            ? new Calibration.None()
            : new Calibration.FromSamples(samples, "0".repeat(64), 0, false);
    RemovedParts parts = RemovedParts.of(structure, removed);
    StructureJob job =
        new StructureJob(
            StructureRequest.of(output, asked(structure, score), parts)
                .update(update)
                .calibration(calibration)
                .shardBytes(1 << 20)
                .build(),
            model);
    job.run(backend, new PhaseClock(2), Progress.NONE, Optional.empty(), () -> {});
    return job.removed().kinds().get(structure);
  }

  /** Returns what asks for parts by a score, and lets weights be rounded to codes. */
  static RemovalRequest asked(Structure structure, String score) {
    var parts = new Structure.Parts(structure, score, null, null, 0, Optional.empty());
    return new RemovalRequest(parts, true);
  }

  /** Writes a model without some experts or blocks, and returns where. */
  public static Path without(
      Path path, Path output, Structure structure, SortedMap<Integer, List<Integer>> removed) {
    try (ModelDirectory model = ModelDirectory.open(path);
        Backend backend = Pruning.cpu(2)) {
      String score = structure.scores().getFirst();
      var unused =
          remove(model, output, structure, score, Update.NONE, removed, List.of(), backend);
      return output;
    }
  }
}
