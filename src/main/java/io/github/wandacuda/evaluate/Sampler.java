package io.github.wandacuda.evaluate;

import io.github.wandacuda.error.ErrorDetails;
import java.util.Arrays;
import java.util.Random;

/** Chooses the next token. Given equal logits, it chooses the same on every machine. */
@FunctionalInterface
public interface Sampler {
  /** The most probable token, of equal ones the lowest. */
  Sampler GREEDY =
      logits -> {
        int best = 0;
        for (int id = 1; id < logits.length; id++) {
          best = logits[id] > logits[best] ? id : best;
        }
        return best;
      };

  /**
   * Returns the next token's id.
   *
   * @param logits one for each token of the vocabulary, finite
   */
  int choose(float[] logits);

  /**
   * Returns a sampler for the usual three numbers.
   *
   * @param temperature 0 for the most probable token, or what logits are divided by
   * @param topP the probability that the tokens drawn from have together, from above 0 to 1
   * @param seed of the draws; without effect at temperature 0
   * @return one that draws in sequence, so not for several threads
   * @throws io.github.wandacuda.error.UsageException if the temperature is negative or not finite,
   *     or {@code topP} is out of its range
   */
  static Sampler of(double temperature, double topP, long seed) {
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw ErrorDetails.of("`temperature`").refused("0 or more", temperature);
    }
    if (!(topP > 0) || topP > 1) {
      throw ErrorDetails.of("`top-p`").refused("more than 0 and at most 1", topP);
    }
    return temperature == 0 ? GREEDY : new NucleusSampler(temperature, topP, new Random(seed));
  }

  /**
   * Draws a token at a temperature from the nucleus, the fewest most probable tokens that have a
   * given probability together (Holtzman et al., arXiv 1904.09751, section 3.1). Of equally
   * probable tokens the lower comes first. Probabilities are computed in double by {@link
   * StrictMath}, and the draws are {@link Random}'s, whose algorithm is specified, so that they
   * repeat everywhere.
   */
  record NucleusSampler(double temperature, double topP, Random random) implements Sampler {
    @Override
    public int choose(float[] logits) {
      long[] order = ordered(logits);
      double highest = logits[id(order[0])];
      double[] weights = new double[order.length];
      double total = 0;
      for (int i = 0; i < order.length; i++) {
        weights[i] = StrictMath.exp((logits[id(order[i])] - highest) / temperature);
        total += weights[i];
      }
      int count = 0;
      double nucleus = 0;
      while (count < order.length && (count == 0 || nucleus < topP * total)) {
        nucleus += weights[count++];
      }
      double drawn = random.nextDouble() * nucleus;
      int at = 0;
      double sum = weights[0];
      while (at + 1 < count && sum <= drawn) {
        sum += weights[++at];
      }
      return id(order[at]);
    }

    /**
     * Returns the ids, the most probable first, in the lower halves of the elements; of equal ones
     * the lower id comes first.
     */
    private static long[] ordered(float[] logits) {
      long[] order = new long[logits.length];
      for (int id = 0; id < order.length; id++) {
        // Adding 0 makes -0 and 0 equal. Bits of negative floats are turned round to ascend.
        int bits = Float.floatToRawIntBits(logits[id] + 0f);
        int ascending = bits < 0 ? ~bits ^ Integer.MIN_VALUE : bits;
        order[id] = (long) ~ascending << Integer.SIZE | id;
      }
      Arrays.sort(order);
      return order;
    }

    private static int id(long ordered) {
      return (int) ordered;
    }
  }
}
