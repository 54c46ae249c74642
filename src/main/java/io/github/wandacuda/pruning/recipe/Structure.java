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

  /** Returns a number of parts in words, such as "1 group of heads". */
  public String counted(int count) {
    if (count != 1) {
      return count + " " + parts();
    }
    return "1 " + (this == HEADS ? "group of heads" : label().substring(0, label().length() - 1));
  }

  /** Returns how many of how many parts went, of the model or of each block that has them. */
  public String went(int count, int size) {
    return "%d of %s%s".formatted(count, counted(size), this == BLOCKS ? "" : " a block");
  }

  /** Refuses a score that it can't go by. */
  public void requireScore(String score) {
    if (!scores.contains(score)) {
      throw ErrorDetails.of("`score`")
          .refused(
              this == AUTO ? "none for auto" : "one of %s for %s".formatted(scores, label()),
              "'%s'".formatted(Printable.of(score)));
    }
  }

  /** Refuses a number of channels of which a multiple can't be kept. */
  public void requireMultiple(int channels) {
    if (channels < 1 || (this != CHANNELS && this != AUTO)) {
      throw ErrorDetails.of("`multiple`")
          .refused(
              "1 or more, for `structure` channels or auto",
              "%d for %s".formatted(channels, label()));
    }
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

  /** Returns what columns go by, by its name. */
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
   * @param score what goes first by it
   * @param share how much goes
   * @param count how many parts go instead of a share, or null
   * @param multiple of which channels stay, or 0
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
