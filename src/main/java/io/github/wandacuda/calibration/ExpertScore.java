package io.github.wandacuda.calibration;

import io.github.wandacuda.system.Labelled;
import java.util.Arrays;
import java.util.List;

/**
 * How much an expert of a mixture counts, by the tokens that its router sends to it: f is the
 * expert's output, g its factor as the model applies it, and norms are Euclidean.
 */
public enum ExpertScore implements Labelled {
  /** The mean of g * |f| (REAP, Lasby et al., arXiv 2510.13999); 0 for an expert without tokens. */
  REAP("saliency"),
  /** How many tokens there are. */
  FREQUENCY("frequency"),
  EAN("ean"),
  /** The sum of g * |f|. */
  WEIGHTED("weighted"),
  /**
   * The root of the mean of (g * |f|)^2 (the diagonal of HOPE's matrix, arXiv 2609.18916); 0 for an
   * expert without tokens. A few tokens that need an expert much count for more than in {@link
   * #REAP}.
   */
  MEAN_SQUARE("mean_square"),
  /**
   * The mean over all tokens of the squared change of the mixture's output if the router loses the
   * expert. It runs each mixture once more for each of its experts.
   */
  DROP("drop");

  /** The scores that a single pass gives, with hardly any work beside it. */
  public static final List<ExpertScore> CHEAP =
      List.of(REAP, FREQUENCY, EAN, WEIGHTED, MEAN_SQUARE);

  private final String ending;

  ExpertScore(String name) {
    ending = ".expert_" + name;
  }

  /** Returns the name of the tensor that a statistics file has of a router's experts. */
  public String tensor(String router) {
    return router + ending;
  }

  /** Returns whether a statistics file has a score in a tensor of this name. */
  static boolean isNamed(String tensor) {
    return Arrays.stream(values()).anyMatch(score -> tensor.endsWith(score.ending));
  }
}
