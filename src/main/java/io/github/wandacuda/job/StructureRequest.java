package io.github.wandacuda.job;

import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.ExpertRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import io.github.wandacuda.model.WidthRemoval;
import io.github.wandacuda.pruning.ColumnScore;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A request to remove whole parts of a model.
 *
 * @param score what it was chosen by
 * @param removed what goes; which channels or heads is only found while they are removed, so these
 *     are as many others
 * @param update what happens to the weights that read what is left
 * @param requantize whether fitted weights may be rounded to the codes of a quantized checkpoint
 * @param files that are read beside the model, by what they are
 * @param resume whether the output may hold an interrupted or finished run
 * @param verify whether what was written is read back and compared
 * @param card whether the output gets a model card that says what was done
 */
public record StructureRequest(
    Path output,
    Structure structure,
    String score,
    RemovedParts removed,
    Update update,
    boolean requantize,
    Calibration calibration,
    Map<String, List<Path>> files,
    long shardBytes,
    boolean resume,
    boolean verify,
    boolean card,
    IoMode io) {
  /** What can be removed. */
  public enum Structure implements Labelled {
    /** Whole experts of mixtures. */
    EXPERTS(ExpertRemoval::new, ExpertScore.values()),
    /** Whole blocks. */
    BLOCKS(BlockRemoval::new, BlockScore.values()),
    /** Channels of MLPs. */
    CHANNELS(model -> new WidthRemoval(model, Half.MLP), ColumnScore.values()),
    /** Heads, in groups that share a key and a value. */
    HEADS(model -> new WidthRemoval(model, Half.ATTENTION), ColumnScore.values()),
    /** The mix of these that does best. */
    AUTO(null);

    private final Function<ModelDirectory, Removal> finder;
    private final List<String> scores;

    Structure(Function<ModelDirectory, Removal> finder, Labelled... scores) {
      this.finder = finder;
      this.scores = Stream.of(scores).map(Labelled::label).toList();
    }

    /** Finds what a model has of it; refuses one that has none, or doesn't describe it. */
    public Removal find(ModelDirectory model) {
      return finder.apply(model);
    }

    /** Returns what the parts are called whose number a result says. */
    public String parts() {
      return this == HEADS ? "groups of heads" : label();
    }

    /** Returns the names of the scores that it can go by, the default first. */
    public List<String> scores() {
      return scores;
    }

    /** Returns the name of the score that it goes by unless another one is asked for. */
    public String usualScore() {
      return this == AUTO ? "perplexity" : scores.getFirst();
    }

    /** Returns whether it is only found while it is removed which of it goes. */
    public boolean isOfWidth() {
      return this == CHANNELS || this == HEADS;
    }

    ColumnScore columnScore(String score) {
      return isOfWidth()
          ? Labelled.of(score, List.of(ColumnScore.values()), "score")
          : ColumnScore.GREEDY;
    }
  }

  /** What happens to the output projections that read what is left. */
  public enum Update implements Labelled {
    /** They keep their weights. */
    NONE,
    /** They give their own output again, by least squares. */
    RECONSTRUCT,
    /** They give the dense model's hidden states, by least squares. */
    REALIGN
  }

  public StructureRequest {
    // In their order, in which equal runs record them.
    files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
  }
}
