package io.github.wandacuda.job;

import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.ExpertRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A request to remove whole parts of a model.
 *
 * @param output the directory of the smaller model
 * @param structure what is removed
 * @param score what it was chosen by
 * @param removed the numbers of what goes, by block; of a block that goes itself, none
 * @param calibration what the scores come from
 * @param files that are read beside the model, by what they are
 * @param shardBytes bytes of a shard at most
 * @param resume whether the output may hold an interrupted or finished run
 * @param verify whether what was written is read back and compared
 * @param io how files are read and written
 */
public record StructureRequest(
    Path output,
    Structure structure,
    String score,
    SortedMap<Integer, List<Integer>> removed,
    Calibration calibration,
    Map<String, List<Path>> files,
    long shardBytes,
    boolean resume,
    boolean verify,
    IoMode io) {
  /** What can be removed. */
  public enum Structure {
    /** Whole experts of mixtures. */
    EXPERTS(ExpertRemoval::of, ExpertScore.values()),
    /** Whole blocks. */
    BLOCKS(BlockRemoval::of, BlockScore.values());

    private final Function<ModelDirectory, Removal> finder;
    private final List<String> scores;

    Structure(Function<ModelDirectory, Removal> finder, Enum<?>... scores) {
      this.finder = finder;
      this.scores = Stream.of(scores).map(score -> score.name().toLowerCase(Locale.ROOT)).toList();
    }

    /**
     * Finds what a model has of it.
     *
     * @throws io.github.wandacuda.error.InputException if it has none, or the config doesn't
     *     describe it
     */
    public Removal find(ModelDirectory model) {
      return finder.apply(model);
    }

    /** Returns the names of the scores that it can go by, the default first. */
    public List<String> scores() {
      return scores;
    }

    /**
     * Returns what was removed, as files and results have it: by block, or the blocks themselves.
     */
    public Object removed(SortedMap<Integer, List<Integer>> removed) {
      if (this == BLOCKS) {
        return List.copyOf(removed.keySet());
      }
      Map<String, Object> byBlock = new LinkedHashMap<>();
      removed.forEach((block, numbers) -> byBlock.put(block.toString(), numbers));
      return byBlock;
    }

    /** Returns the name in files and on the command line. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Takes copies. */
  public StructureRequest {
    removed = Collections.unmodifiableSortedMap(new TreeMap<>(removed));
    files = Map.copyOf(files);
  }
}
