package io.github.wandacuda.testing;

import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.ExpertRemoval;
import io.github.wandacuda.pruning.recipe.Structure;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Runs that remove experts. */
public final class Experts {
  /** More than any model here has. */
  private static final int MOST = 16;

  private Experts() {}

  /** Returns the request of a run that removes some, by block. */
  public static StructureRequest request(
      Path output, SortedMap<Integer, List<Integer>> removed, long shardBytes, boolean resume) {
    return StructureRequest.of(
            output,
            Smaller.asked(Structure.EXPERTS, ExpertScore.REAP.label()),
            RemovedParts.of(Structure.EXPERTS, removed))
        .shardBytes(shardBytes)
        .resume(resume)
        .build();
  }

  /** Writes a model without some of its experts, and returns where. */
  public static Path remove(Path path, Path output, SortedMap<Integer, List<Integer>> removed) {
    return Smaller.without(path, output, Structure.EXPERTS, removed);
  }

  /** Writes statistics by which some experts of every mixture have the lowest scores. */
  public static Path scores(Path path, Path file, List<Integer> lowest) {
    SortedMap<String, float[]> scores = new TreeMap<>();
    try (ModelDirectory model = ModelDirectory.open(path)) {
      int experts = new ExpertRemoval(model).size();
      for (LinearModule module : model.modules()) {
        float[] own = new float[experts];
        for (int expert = 0; expert < experts; expert++) {
          own[expert] = lowest.contains(expert) ? 0 : 1 + MOST - expert;
        }
        if (module.router()) {
          scores.put(ExpertScore.REAP.tensor(module.name()), own);
        }
      }
    }
    AtomicWrite.replace(file, new Statistics(new TreeMap<>(), scores, 1, 1, false).content());
    return file;
  }
}
