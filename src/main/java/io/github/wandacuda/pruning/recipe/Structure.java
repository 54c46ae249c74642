package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.BlockRemoval;
import io.github.wandacuda.model.removal.ExpertRemoval;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.model.removal.WidthRemoval;
import io.github.wandacuda.system.Labelled;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/** What whole parts of a model can be removed. */
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

  /**
   * Finds what a model has of these parts.
   *
   * @throws io.github.wandacuda.error.InputException if it has none, or doesn't describe them
   */
  public Removal find(ModelDirectory model) {
    return finder.apply(model);
  }

  /** Returns the word for the parts that results count. */
  public String parts() {
    return this == HEADS ? "groups of heads" : label();
  }

  /** Returns a number of parts in words, such as "1 group of heads". */
  public String counted(int count) {
    if (count != 1) {
      return count + " " + parts();
    }
    return "1 " + (this == HEADS ? "group of heads" : label().substring(0, label().length() - 1));
  }

  /**
   * Returns in words how many parts went, of the model or of each block that has them.
   *
   * @param count how many went
   * @param size of how many
   */
  public String went(int count, int size) {
    return "%d of %s%s".formatted(count, counted(size), this == BLOCKS ? "" : " a block");
  }

  /**
   * Checks that these parts can be ranked by a score.
   *
   * @throws io.github.wandacuda.error.UsageException if not
   */
  public void requireScore(String score) {
    if (!scores.contains(score)) {
      throw ErrorDetails.of("`score`")
          .refused(
              this == AUTO ? "none for auto" : "one of %s for %s".formatted(scores, label()),
              "'%s'".formatted(Printable.of(score)));
    }
  }

  /**
   * Checks that a multiple of a number of channels can be kept.
   *
   * @throws io.github.wandacuda.error.UsageException if the number is less than 1, or the parts
   *     aren't channels
   */
  public void requireMultiple(int channels) {
    if (channels < 1 || (this != CHANNELS && this != AUTO)) {
      throw ErrorDetails.of("`multiple`")
          .refused(
              "1 or more, for `structure` channels or auto",
              "%d for %s".formatted(channels, label()));
    }
  }

  /** Returns the names of the scores that parts can be ranked by, the default first. */
  public List<String> scores() {
    return scores;
  }

  /** Returns the name of the score that parts are ranked by unless another one is asked for. */
  public String usualScore() {
    return this == AUTO ? "perplexity" : scores.getFirst();
  }

  /**
   * Returns whether it is found only during the removal which of the parts go: channels and heads
   * are chosen block by block.
   */
  public boolean isOfWidth() {
    return this == CHANNELS || this == HEADS;
  }

  /**
   * Returns the score of columns by its name; that of {@link ColumnScore#GREEDY} where parts aren't
   * columns.
   */
  public ColumnScore columnScore(String score) {
    return isOfWidth()
        ? Labelled.of(score, List.of(ColumnScore.values()), "score")
        : ColumnScore.GREEDY;
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

  /**
   * The parts of a model that are asked to be removed.
   *
   * @param structure what they are
   * @param score the name of the score by which they are ranked
   * @param share how much goes
   * @param count how many parts go instead of a share, or null
   * @param multiple how many channels stay is a multiple of this; 0 for any number
   * @param update what is asked to happen to the weights that read what is left, if anything is
   */
  public record Parts(
      Structure structure,
      String score,
      Sparsity.Ratio share,
      Integer count,
      int multiple,
      Optional<Update> update) {}
}
